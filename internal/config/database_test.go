package config_test

import (
	"strings"
	"testing"

	"taocan/internal/config"
)

func TestPasswordsOfDatabasesAreNotShown(t *testing.T) {
	tests := []struct{ name, url, want string }{
		{"no password", "postgres://taocan@db:5432/taocan?sslmode=require", "postgres://taocan@db:5432/taocan?sslmode=require"},
		{"behind the user", "postgres://taocan:s3cret@db/taocan", "postgres://taocan:xxxxx@db/taocan"},
		{"with an at sign in it", "postgres://taocan:s3cret%40@db/taocan", "postgres://taocan:xxxxx@db/taocan"},
		{"of several hosts", "postgres://taocan:s3cret@a:5432,b:5433/taocan?target_session_attrs=read-write",
			"postgres://taocan:xxxxx@a:5432,b:5433/taocan?target_session_attrs=read-write"},
		{"as a parameter", "postgres://db/taocan?user=taocan&password=s3cret&sslmode=require", "postgres://db/taocan?user=taocan&password=xxxxx&sslmode=require"},
		{"of a key", "postgres://db/taocan?sslpassword=s3cret", "postgres://db/taocan?sslpassword=xxxxx"},
		{"no address", "host=db password=s3cret", "xxxxx"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, all, err := config.Explain(config.Defaults(), nil, strings.NewReader("database-url = "+tt.url), func(string) (string, bool) { return "", false })
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the password: %v", err)
			}
			for _, e := range all {
				if e.Name == "database-url" && e.Value != tt.want {
					t.Errorf("got %s, want %s", e.Value, tt.want)
				}
			}
			if got := (config.Settings{DatabaseURL: tt.url}).Database(); got != tt.want {
				t.Errorf("Database: got %s, want %s", got, tt.want)
			}
		})
	}
}
