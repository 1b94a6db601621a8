package config_test

import (
	"io"
	"os"
	"reflect"
	"slices"
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
		"trusted-proxies = 10.0.0.0/8, nonsense", "product-name = " + strings.Repeat("名", 21), "order-close-after = 59s", "idempotency-days = 0", "stop-timeout = 0s",
		"otel-endpoint = 127.0.0.1:4318", "otel-endpoint = ftp://x", "otel-endpoint = http://user:secret@x", "otel-endpoint = http://x?key=secret", "key-missing = maybe",
		"database-url = mysql://db/taocan", "database-url = host=db dbname=taocan", "database-url = postgres://db", "database-migrate-url = postgres://db/taocan"} {
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

func TestExplainSaysWhereEveryValueCameFrom(t *testing.T) {
	s := config.Defaults()
	s.Zone = "UTC"
	_, all, err := config.Explain(s, map[string]bool{"zone": true}, strings.NewReader("\naddr = :9000\ndata = there\nzone = Asia/Tokyo\nlog-level = loud\n"),
		func(name string) (string, bool) { return map[string]string{"TAOCAN_DATA": "elsewhere"}[name], true })
	if err == nil || err.Error() != `log-level: "loud" is none of debug, info, warn, error` {
		t.Errorf("error %v", err)
	}
	got := map[string]config.Effective{}
	for _, e := range all {
		got[e.Name] = e
	}
	for _, want := range []config.Effective{
		{Name: "addr", Value: ":9000", Origin: config.FromFile, Where: "line 2"},
		{Name: "data", Value: "elsewhere", Origin: config.FromEnvironment, Where: "TAOCAN_DATA"},
		{Name: "zone", Value: "UTC", Origin: config.FromFlag},
		{Name: "log-level", Value: "loud", Origin: config.FromFile, Where: "line 5"},
		{Name: "stop-timeout", Value: "15s", Origin: config.FromDefault},
	} {
		if diff := cmp.Diff(want, got[want.Name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Name, diff)
		}
	}
	if len(all) != reflect.TypeFor[config.Settings]().NumField() {
		t.Errorf("%d settings are explained, want every one", len(all))
	}
}

func TestTheExampleFileExplainsEverySetting(t *testing.T) {
	b, err := os.ReadFile("../../docs/taocan.conf.example")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	settings := reflect.TypeFor[config.Settings]()
	for i := range settings.NumField() {
		tag := settings.Field(i).Tag
		name := tag.Get("name")
		at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+" =") })
		if at < 0 {
			t.Errorf("%s is not in the example file", name)
			continue
		}
		first := at // settings that belong together share a comment
		for first > 0 && lines[first-1] != "" && !strings.HasPrefix(lines[first-1], "#") {
			first--
		}
		if first == 0 || !strings.HasPrefix(lines[first-1], "# ") {
			t.Errorf("no comment in the example file explains %s", name)
		}
		if tag.Get("help") == "" {
			t.Errorf("the flag --%s has no help", name)
		}
	}
}
