package config_test

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"taocan/internal/config"
)

func merge(flags map[string]string, file string, env map[string]string) (config.Settings, error) {
	s, given := config.Defaults(), map[string]bool{}
	for name, value := range flags {
		given[name] = true
		switch name {
		case "addr":
			s.Addr = value
		case "zone":
			s.Zone = value
		}
	}
	var r io.Reader
	if file != "" {
		r = strings.NewReader(file)
	}
	return config.Merge(s, given, r, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
}

func TestMerge(t *testing.T) {
	tests := []struct {
		name  string
		flags map[string]string
		file  string
		env   map[string]string
		want  func(*config.Settings)
	}{
		{name: "nothing said, the defaults hold", want: func(*config.Settings) {}},
		{name: "the file overrides a default", file: "# ours\n\n addr = :9000 \norder-close-after=2h\n",
			want: func(s *config.Settings) { s.Addr, s.OrderCloseAfter = ":9000", 2*time.Hour }},
		{name: "the environment overrides the file", file: "addr = :9000", env: map[string]string{"TAOCAN_ADDR": ":9001"},
			want: func(s *config.Settings) { s.Addr = ":9001" }},
		{name: "a flag overrides the environment", file: "addr = :9000", env: map[string]string{"TAOCAN_ADDR": ":9001"},
			flags: map[string]string{"addr": ":9002"}, want: func(s *config.Settings) { s.Addr = ":9002" }},
		{name: "a flag set to the default still overrides", env: map[string]string{"TAOCAN_ADDR": ":9001"},
			flags: map[string]string{"addr": "127.0.0.1:8080"}, want: func(*config.Settings) {}},
		{name: "a name with a dash has a variable with an underscore", env: map[string]string{"TAOCAN_IDEMPOTENCY_DAYS": "60"},
			want: func(s *config.Settings) { s.IdempotencyDays = 60 }},
		{name: "an empty variable says nothing", file: "addr = :9000", env: map[string]string{"TAOCAN_ADDR": ""},
			want: func(s *config.Settings) { s.Addr = ":9000" }},
		{name: "variables of others are left alone", env: map[string]string{"TAOCAN_SERVICE_HOST": "10.0.0.1"}, want: func(*config.Settings) {}},
		{name: "a value may hold an equals sign", file: "data = ./a=b", want: func(s *config.Settings) { s.Data = "./a=b" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := merge(tt.flags, tt.file, tt.env)
			if err != nil {
				t.Fatal(err)
			}
			want := config.Defaults()
			tt.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMergeNamesEveryProblemAtOnce(t *testing.T) {
	_, err := merge(map[string]string{"zone": "Mars/Olympus"},
		"adr = :9000\nlog-format = xml\nnonsense\nmax-quantity = many\nlog-format = json\ntls-cert = a.pem\n",
		map[string]string{"TAOCAN_STOP_TIMEOUT": "soon"})
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`TAOCAN_STOP_TIMEOUT: "soon" is not a duration such as 90s or 24h`,
		`line 1: adr is not a setting`,
		`line 3: "nonsense" is not name = value`,
		`line 4: max-quantity: "many" is not a whole number`,
		`line 5: log-format stands already in line 2`,
		`zone: "Mars/Olympus" is not a time zone such as Asia/Shanghai`,
		`log-format: "xml" is neither text nor json`,
		`tls-cert and tls-key: give both or neither`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestMergeChecksBounds(t *testing.T) {
	for _, line := range []string{"addr = 8080", "data =", "zone =", "zone = Local", "log-level = loud", "max-quantity = 99",
		"trusted-proxies = 10.0.0.0/8, nonsense", "product-name = " + strings.Repeat("名", 21), "order-close-after = 59s", "idempotency-days = 0", "stop-timeout = 0s"} {
		if _, err := merge(nil, line, nil); err == nil {
			t.Errorf("%q was accepted", line)
		}
	}
}

func TestTheExampleFileHoldsTheDefaults(t *testing.T) {
	file, err := os.Open("../../docs/taocan.conf.example")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := config.Merge(config.Settings{}, nil, file, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(config.Defaults(), got); diff != "" {
		t.Errorf("the example file differs from the defaults (-defaults +file):\n%s", diff)
	}
}
