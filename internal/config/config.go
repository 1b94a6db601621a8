package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings of a server. The tags are those that the command line reads: name, default, enum, help.
type Settings struct {
	Addr               string `name:"addr" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on."`
	Data               string `name:"data" default:"./taocan-data" placeholder:"DIR" help:"Data folder: database or index of debit ids, master key, lock and administrative socket."`
	DatabaseURL        string `name:"database-url" secret:"url" placeholder:"URL" help:"PostgreSQL that holds the database, such as postgres://taocan@db.example.com/taocan; without it the database is a file in the data folder."`
	DatabaseMigrateURL string `name:"database-migrate-url" secret:"url" placeholder:"URL" help:"The same database without PgBouncer in between, where database-url goes through one: migrations need it."`
	KeyMissing         string `name:"key-missing" placeholder:"refuse|serve" help:"What a start does where the key file lacks a key that the database's secrets are sealed with: refuse or serve (default: refuse with database-url, else serve)."`

	Zone      string `name:"zone" default:"Asia/Shanghai" placeholder:"NAME" help:"Time zone of dates, months and package numbers."`
	LogFormat string `name:"log-format" default:"text" placeholder:"text|json" help:"Form of the log on stderr: text or json."`
	LogLevel  string `name:"log-level" default:"info" placeholder:"LEVEL" help:"Least level that is logged: debug, info, warn or error."`
	TLSCert   string `name:"tls-cert" placeholder:"FILE" help:"Certificate chain (PEM); with it, and --tls-key, the address speaks TLS."`
	TLSKey    string `name:"tls-key" placeholder:"FILE" help:"Private key of the certificate (PEM)."`

	TrustedProxies string `name:"trusted-proxies" placeholder:"LIST" help:"Addresses or networks of proxies before the server, separated by commas: their X-Forwarded-For and X-Forwarded-Proto are believed."`
	ProductName    string `name:"product-name" placeholder:"TEXT" help:"Name of the service in the console's header (default 短信服务, in English SMS Service)."`

	MaxQuantity     int64         `name:"max-quantity" default:"10000000" placeholder:"N" help:"Largest quantity of one custom purchase."`
	OrderCloseAfter time.Duration `name:"order-close-after" default:"24h" placeholder:"DURATION" help:"Unpaid orders close after this."`
	IdempotencyDays int           `name:"idempotency-days" default:"30" placeholder:"DAYS" help:"How long debit ids are remembered, at least."`
	StopTimeout     time.Duration `name:"stop-timeout" default:"15s" placeholder:"DURATION" help:"How long a stop waits for requests under way."`

	DiskReserveMiB int64 `name:"disk-reserve-mib" default:"256" placeholder:"MIB" help:"With less free on the data folder's file system nothing is written to the ledger; 0 never looks."`

	BackupFolder  string `name:"backup-folder" placeholder:"DIR" help:"Where backups are kept: metrics and doctor tell the age of the newest file in it."`
	KeyFile       string `name:"key-file" placeholder:"FILE" help:"File of the keys that seal secrets in the database (default master.key in the data folder)."`
	ConsoleURL    string `name:"console-url" placeholder:"URL" help:"Where users reach the console, such as https://sms.example.com: notices link to it."`
	AllowNetworks string `name:"webhook-allow-networks" placeholder:"LIST" help:"Addresses or networks that are not public but which webhooks and robots may be sent to, separated by commas; there also without TLS."`
	RobotHosts    string `name:"robot-hosts" placeholder:"LIST" help:"Hosts of robots besides the vendors' own, separated by commas."`
	SMTPHost      string `name:"smtp-host" placeholder:"HOST" help:"Mail server. Without it no e-mail is sent."`
	SMTPPort      int    `name:"smtp-port" default:"587" placeholder:"PORT" help:"Port of the mail server."`
	SMTPUser      string `name:"smtp-user" placeholder:"TEXT" help:"User at the mail server; empty: no sign-in."`
	SMTPPassword  string `name:"smtp-password-file" placeholder:"FILE" help:"File whose first line is the user's password."`
	SMTPFrom      string `name:"smtp-from" placeholder:"ADDRESS" help:"Whom e-mail comes from, such as SMS Service <sms@example.com>."`
	SMTPTLS       string `name:"smtp-tls" default:"starttls" placeholder:"starttls|tls|none" help:"How the mail server is spoken to: starttls, tls (from the first byte) or none."`

	OtelEndpoint string `name:"otel-endpoint" placeholder:"URL" help:"Where traces go by OTLP over HTTP, such as http://127.0.0.1:4318. Without it nothing is traced."`
}

// Defaults are the settings where nothing is said.
func Defaults() Settings {
	var s Settings
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		if value, ok := v.Type().Field(i).Tag.Lookup("default"); ok {
			if err := set(v.Field(i), value); err != nil {
				panic(fmt.Sprintf("config: default of %s: %v", v.Type().Field(i).Name, err))
			}
		}
	}
	return s
}

// Origin says where the value of a setting came from.
type Origin string

// The origins, each of which wins over those before it.
const (
	FromDefault     Origin = "default"
	FromFile        Origin = "file"
	FromEnvironment Origin = "environment"
	FromFlag        Origin = "flag"
)

// Effective is a setting as it holds.
type Effective struct {
	Name   string `json:"name"`
	Value  string `json:"value"` // without passwords
	Origin Origin `json:"origin"`
	Where  string `json:"where,omitempty"` // the line of the file, or the variable
}

// Merge fills in what the flags left open: s holds the flags and defaults, fromFlag names the settings that a
// flag gave, file is the configuration file (nil: none), env looks up a variable. It then checks the result.
// The error names every problem, one per line.
func Merge(s Settings, fromFlag map[string]bool, file io.Reader, env func(string) (string, bool)) (Settings, error) {
	s, _, err := Explain(s, fromFlag, file, env)
	return s, err
}

// Explain merges like Merge and says where each value came from, in the order of Settings. It does so for settings that
// are refused, too.
func Explain(s Settings, fromFlag map[string]bool, file io.Reader, env func(string) (string, bool)) (Settings, []Effective, error) {
	var lines map[string]line
	var problems []error
	if file != nil {
		lines, problems = readFile(file)
	}
	v := reflect.ValueOf(&s).Elem()
	all := make([]Effective, v.NumField())
	for i := range all {
		name := v.Type().Field(i).Tag.Get("name")
		written, inFile := lines[name]
		delete(lines, name)
		e := Effective{Name: name, Origin: FromDefault}
		value := ""
		if fromEnv, _ := env(Variable(name)); fromFlag[name] {
			e.Origin = FromFlag
		} else if fromEnv != "" { // an empty variable is how many tools leave one out
			e.Origin, e.Where, value = FromEnvironment, Variable(name), fromEnv
		} else if inFile {
			e.Origin, e.Where, value = FromFile, fmt.Sprintf("line %d", written.n), written.value
		}
		if e.Where != "" {
			if err := set(v.Field(i), value); err != nil {
				source := e.Where
				if e.Origin == FromFile {
					source += ": " + name
				}
				problems = append(problems, fmt.Errorf("%s: %w", source, err))
			}
		}
		e.Value = fmt.Sprint(v.Field(i).Interface())
		if v.Type().Field(i).Tag.Get("secret") == "url" {
			e.Value = withoutPassword(e.Value)
		}
		all[i] = e
	}
	for name, l := range lines {
		problems = append(problems, fmt.Errorf("line %d: %s is not a setting", l.n, name))
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return s, all, errors.Join(append(problems, s.check()...)...)
}

// Variable is the environment variable of a setting.
func Variable(name string) string {
	return "TAOCAN_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// set parses a value into a field. Only the kinds that Settings has are known.
func set(field reflect.Value, value string) error {
	switch field.Interface().(type) {
	case string:
		field.SetString(value)
	case time.Duration:
		d, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("%.40q is not a duration such as 90s or 24h", value)
		}
		field.SetInt(int64(d))
	case int, int64:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("%.40q is not a whole number", value)
		}
		field.SetInt(n)
	default:
		panic("config: a setting cannot be a " + field.Type().String())
	}
	return nil
}

type line struct {
	n     int
	value string
}

// readFile reads "name = value" lines; # starts a comment line.
func readFile(file io.Reader) (map[string]line, []error) {
	lines := map[string]line{}
	var problems []error
	scan := bufio.NewScanner(file)
	for n := 1; scan.Scan(); n++ {
		text := strings.TrimSpace(scan.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			problems = append(problems, fmt.Errorf("line %d: %.40q is not name = value", n, text))
			continue
		}
		if before, twice := lines[name]; twice {
			problems = append(problems, fmt.Errorf("line %d: %s stands already in line %d", n, name, before.n))
			continue
		}
		lines[name] = line{n, value}
	}
	if err := scan.Err(); err != nil {
		problems = append(problems, fmt.Errorf("read: %w", err))
	}
	return lines, problems
}

// Proxies parses TrustedProxies.
func (s Settings) Proxies() ([]netip.Prefix, error) { return networks(s.TrustedProxies) }

// WebhookNetworks parses AllowNetworks.
func (s Settings) WebhookNetworks() ([]netip.Prefix, error) { return networks(s.AllowNetworks) }

func networks(list string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, part := range parts(list) {
		p, err := netip.ParsePrefix(part)
		if a, addressErr := netip.ParseAddr(part); addressErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%.60q is neither an address nor a network such as 10.0.0.0/8", part)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// Robots parses RobotHosts.
func (s Settings) Robots() []string { return parts(strings.ToLower(s.RobotHosts)) }

// parts of a list that commas separate.
func parts(list string) (all []string) {
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// check names everything that is wrong with the values themselves.
func (s Settings) check() []error {
	var bad []error
	refuse := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf(format, args...))
		}
	}
	_, _, err := net.SplitHostPort(s.Addr)
	refuse(err == nil, "addr: %.60q is not HOST:PORT", s.Addr)
	refuse(s.Data != "", "data: is empty")
	for name, address := range map[string]string{"database-url": s.DatabaseURL, "database-migrate-url": s.DatabaseMigrateURL} {
		refuse(address == "" || isDatabaseURL(address), "%s: must be an address such as postgres://taocan@db.example.com/taocan", name) // it may hold a password
	}
	refuse(s.DatabaseURL != "" || s.DatabaseMigrateURL == "", "database-migrate-url: goes with database-url")
	refuse(slices.Contains([]string{"", "refuse", "serve"}, s.KeyMissing), "key-missing: %.40q is neither refuse nor serve", s.KeyMissing)
	_, err = time.LoadLocation(s.Zone)
	refuse(err == nil && s.Zone != "" && s.Zone != "Local", "zone: %.40q is not a time zone such as Asia/Shanghai", s.Zone)
	refuse(s.LogFormat == "text" || s.LogFormat == "json", "log-format: %.40q is neither text nor json", s.LogFormat)
	refuse(slices.Contains([]string{"debug", "info", "warn", "error"}, s.LogLevel), "log-level: %.40q is none of debug, info, warn, error", s.LogLevel)
	refuse((s.TLSCert == "") == (s.TLSKey == ""), "tls-cert and tls-key: give both or neither")
	_, err = s.Proxies()
	refuse(err == nil, "trusted-proxies: %v", err)
	refuse(len(s.ProductName) <= 60 && !strings.ContainsAny(s.ProductName, "\r\n\x00"), "product-name: must be one line of at most 60 bytes")
	refuse(s.MaxQuantity >= 100 && s.MaxQuantity <= 1_000_000_000, "max-quantity: must be from 100 to 1000000000")
	refuse(s.OrderCloseAfter >= time.Minute, "order-close-after: must be at least 1m")
	refuse(s.IdempotencyDays >= 1 && s.IdempotencyDays <= 3650, "idempotency-days: must be from 1 to 3650")
	refuse(s.DiskReserveMiB >= 0 && s.DiskReserveMiB <= 1<<30, "disk-reserve-mib: must be from 0 to 1073741824")
	refuse(s.StopTimeout > 0, "stop-timeout: must be more than 0")
	refuse(s.ConsoleURL == "" || isPlainURL(s.ConsoleURL), "console-url: must be an http or https address, such as https://sms.example.com")
	_, err = s.WebhookNetworks()
	refuse(err == nil, "webhook-allow-networks: %v", err)
	for _, host := range s.Robots() {
		refuse(!strings.ContainsAny(host, "/@? "), "robot-hosts: %.60q is not a host", host)
	}
	refuse(s.SMTPPort >= 1 && s.SMTPPort <= 65535, "smtp-port: must be from 1 to 65535")
	refuse(slices.Contains([]string{"starttls", "tls", "none"}, s.SMTPTLS), "smtp-tls: %.40q is none of starttls, tls, none", s.SMTPTLS)
	refuse((s.SMTPUser == "") == (s.SMTPPassword == ""), "smtp-user and smtp-password-file: give both or neither")
	if s.SMTPHost != "" {
		_, err = mail.ParseAddress(s.SMTPFrom)
		refuse(err == nil, "smtp-from: %.60q is not an address such as sms@example.com", s.SMTPFrom)
	}
	refuse(s.OtelEndpoint == "" || isPlainURL(s.OtelEndpoint), "otel-endpoint: must be an http or https address without a password, such as http://127.0.0.1:4318")
	return bad
}

// isPlainURL reports whether s is an address of HTTP that carries no secret, as settings are printed.
func isPlainURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}
