package test

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"taocan/internal/config"
)

// instruction is one line of the Dockerfile.
type instruction struct{ name, args string }

func dockerfile(t *testing.T) (all []instruction) {
	t.Helper()
	b, err := os.ReadFile("../deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(b), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, args, _ := strings.Cut(line, " ")
		all = append(all, instruction{name, strings.TrimSpace(args)})
	}
	return all
}

// last is the last instruction of that name, which is the final stage's.
func last(all []instruction, name string) string {
	for _, i := range slices.Backward(all) {
		if i.name == name {
			return i.args
		}
	}
	return ""
}

// image is what the Dockerfile makes, as a folder.
type image struct {
	t                      *testing.T
	root                   string
	data                   string
	env                    []string
	entry, command, health []string
	isolated               bool
}

// There is no container engine where tests run. So the steps of the Dockerfile are carried out by hand: the program is built
// by the very line that stands there, the final stage becomes a folder, and what an engine would start is started in it: as
// the user that it names, in a root that holds nothing else and cannot be written to.
func buildImage(t *testing.T) *image {
	t.Helper()
	all := dockerfile(t)
	x := &image{t: t, root: t.TempDir(), data: t.TempDir()}
	if err := os.Chmod(x.data, 0o700); err != nil { //nolint:gosec // a folder; as the Dockerfile makes it
		t.Fatal(err)
	}
	build := ""
	for _, i := range all {
		if i.name == "RUN" && strings.Contains(i.args, "go build") {
			build = i.args
		}
	}
	const trimmed = " -trimpath"
	if !strings.Contains(build, "CGO_ENABLED=0") || !strings.Contains(build, trimmed) || !strings.Contains(build, " -o /out/taocan ./cmd/taocan") {
		t.Fatalf("the build step is %q", build)
	}
	build = strings.Replace(build, trimmed, "", 1) // which would compile every package again, only for other paths in it
	binary := filepath.Join(x.root, "taocan")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(build, "/out/taocan", binary, 1))
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "VERSION=v9.8.7")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}

	final := slices.IndexFunc(all, func(i instruction) bool { return i == instruction{"FROM", "scratch"} })
	if final < 0 {
		t.Fatal("the final stage is not made from scratch")
	}
	for _, i := range all[final+1:] {
		switch i.name {
		case "ENV":
			x.env = append(x.env, strings.Fields(i.args)...)
		case "COPY":
			to := filepath.Join(x.root, strings.Fields(i.args)[len(strings.Fields(i.args))-1])
			switch {
			case strings.HasSuffix(to, "/taocan"): // built above
			case strings.HasSuffix(to, "/data"):
				if err := os.Mkdir(to, 0o700); err != nil {
					t.Fatal(err)
				}
			case strings.HasSuffix(to, "/ca-certificates.crt"):
				if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // as in the image
					t.Fatal(err)
				}
				if b, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt"); err == nil {
					if err := os.WriteFile(to, b, 0o644); err != nil { //nolint:gosec // as in the image
						t.Fatal(err)
					}
				}
			default:
				t.Fatalf("the test does not know what to do with COPY %s", i.args)
			}
		case "RUN":
			t.Errorf("there is no shell in the final stage for RUN %s", i.args)
		}
	}
	for name, to := range map[string]*[]string{"ENTRYPOINT": &x.entry, "CMD": &x.command} {
		if err := json.Unmarshal([]byte(last(all, name)), to); err != nil {
			t.Fatalf("%s %s: %v", name, last(all, name), err)
		}
	}
	_, health, _ := strings.Cut(last(all, "HEALTHCHECK"), " CMD ")
	if err := json.Unmarshal([]byte(health), &x.health); err != nil {
		t.Fatalf("HEALTHCHECK %s: %v", health, err)
	}
	if last(all, "USER") != "65532:65532" || last(all, "VOLUME") != "/data" {
		t.Fatalf("USER %s, VOLUME %s", last(all, "USER"), last(all, "VOLUME"))
	}
	x.isolated = x.canIsolate()
	return x
}

// isolate makes the root read-only but for the volume, becomes the image's user in it, and runs what it is given.
const isolate = `set -e
mount --bind "$0" "$0"
mount --bind "$1" "$0/data"
mount -o remount,ro,bind "$0"
root=$0
shift
exec chroot --userspec=65532:65532 --groups= "$root" "$@"`

func (x *image) canIsolate() bool {
	if os.Geteuid() != 0 || os.Chown(x.data, 65532, 65532) != nil {
		x.t.Log("not root: the program runs as this user, in the root of this machine, which may be written to")
		return false
	}
	if out, err := exec.CommandContext(x.t.Context(), "unshare", "-m", "sh", "-c", isolate, x.root, x.data, "/taocan", "version").CombinedOutput(); err != nil {
		x.t.Logf("no root of its own (%v: %s): the program runs as user 65532, in the root of this machine", err, out)
		return false
	}
	return true
}

// run prepares a command line of the image, such as an engine would start.
func (x *image) run(args []string, more ...string) *exec.Cmd {
	env := slices.Concat(x.env, more)
	if x.isolated {
		cmd := exec.CommandContext(x.t.Context(), "unshare", append([]string{"-m", "sh", "-c", isolate, x.root, x.data}, args...)...)
		cmd.Env = append(env, "PATH="+os.Getenv("PATH")) // of the programs that isolate; the image has none
		return cmd
	}
	cmd := exec.CommandContext(x.t.Context(), filepath.Join(x.root, args[0]), args[1:]...)
	for i, v := range env {
		env[i] = strings.ReplaceAll(v, "=/data", "="+x.data)
	}
	cmd.Env = env
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		if err := os.Chmod(x.root, 0o755); err != nil { //nolint:gosec // another user starts what is in it
			x.t.Fatal(err)
		}
	}
	return cmd
}

func (x *image) must(args ...string) string {
	x.t.Helper()
	out, err := x.run(args).CombinedOutput()
	if err != nil {
		x.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestTheImageServesAsAnotherUserInAReadOnlyRoot(t *testing.T) {
	x := buildImage(t)
	program, err := elf.Open(filepath.Join(x.root, "taocan"))
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(program.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the program needs a loader, and there is none in the image")
	}
	_ = program.Close()
	if got := x.must("/taocan", "version"); !strings.HasPrefix(got, "taocan v9.8.7,") {
		t.Errorf("version: %s", got)
	}

	server := x.run(slices.Concat(x.entry, x.command), "TAOCAN_ADDR=127.0.0.1:0")
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill() })
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	address := regexp.MustCompile(`http://[0-9.:]+`).FindString(line)
	if err != nil || address == "" {
		t.Fatalf("the server printed %q (%v)\n%s", line, err, &log)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()

	x.must(x.health...)
	x.must("/taocan", "account", "create", "acme", "--level", "enterprise")
	x.must("/taocan", "project", "create", "web", "--account", "acme")
	x.must("/taocan", "package", "grant", "--project", "web", "--purpose", "marketing", "--quantity", "100", "--reason", "test")
	var token struct {
		Secret string `json:"token"`
	}
	if err := json.Unmarshal([]byte(x.must("/taocan", "--json", "token", "create", "--project", "web", "--scope", "debit")), &token); err != nil || token.Secret == "" {
		t.Fatalf("no token: %v", err)
	}
	body := strings.NewReader(`{"id":"m-1","category":"domestic","purpose":"marketing","quantity":7}`)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/v1/projects/web/debits", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token.Secret)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusCreated {
		t.Errorf("debit: %d %s", answer.StatusCode, b)
	}
	_ = answer.Body.Close()
	x.must("/taocan", "doctor")
	if x.isolated { // the folder's files are the user's, and nothing else was written
		info, err := os.Stat(filepath.Join(x.data, "taocan.db"))
		if err != nil || info.Sys().(*syscall.Stat_t).Uid != 65532 {
			t.Errorf("the database is not user 65532's: %v", err)
		}
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, &log)
	}
	if err := x.run(x.health).Run(); err == nil {
		t.Error("the health check of a stopped server is well")
	}
	x.must("/taocan", "verify")
}

// unitOf reads the service's section; a setting that stands twice has its values joined.
func unitOf(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("../deploy/taocan.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			unit[name] = strings.TrimSpace(unit[name] + " " + value)
		}
	}
	return unit
}

func TestTheUnitIsHardenedAndWaitsForAStop(t *testing.T) {
	unit := unitOf(t)
	for name, want := range map[string]string{"Type": "notify", "User": "taocan", "StateDirectory": "taocan", "StateDirectoryMode": "0700", "ProtectSystem": "strict",
		"NoNewPrivileges": "true", "CapabilityBoundingSet": "", "UMask": "0077", "SystemCallFilter": "@system-service ~@privileged @resources"} {
		if got, ok := unit[name]; !ok || got != want {
			t.Errorf("%s=%s, want %s", name, got, want)
		}
	}
	stop, err := time.ParseDuration(unit["TimeoutStopSec"])
	if least := config.Defaults().StopTimeout + 10*time.Second; err != nil || stop < least {
		t.Errorf("TimeoutStopSec=%s (%v), want at least %s", unit["TimeoutStopSec"], err, least)
	}
	if files, err := strconv.Atoi(unit["LimitNOFILE"]); err != nil || files < 4096 {
		t.Errorf("LimitNOFILE=%s", unit["LimitNOFILE"])
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("systemd-analyze is not there, so the unit was not given to it")
		return
	}
	// It looks whether the program is there, so it is shown one that is.
	b, err := os.ReadFile("../deploy/taocan.service")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "taocan.service")
	shown := strings.ReplaceAll(strings.ReplaceAll(string(b), "/usr/local/bin/taocan", "/bin/true"), "Documentation=file:", "#Documentation=file:")
	if err := os.WriteFile(file, []byte(shown), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", file).CombinedOutput(); err != nil || bytes.Contains(out, []byte("taocan.service:")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// demoServer runs a demo and gives its doors; its log is complete once stop has returned.
type demoServer struct {
	URL           string `json:"url"`
	Token         string `json:"token"`
	OperatorToken string `json:"operator_token"`
	User          string `json:"user"`
	Password      string `json:"password"`
	log           bytes.Buffer
	stop          func()
}

func startDemo(t *testing.T, args ...string) *demoServer {
	t.Helper()
	return startServer(t, "demo", args...)
}

// startServer runs demo or serve, which prints no tokens.
func startServer(t *testing.T, command string, args ...string) *demoServer {
	t.Helper()
	d := &demoServer{}
	cmd := exec.CommandContext(t.Context(), buildTaocan(t), append([]string{command, "--data", filepath.Join(t.TempDir(), "data"), "--addr", "127.0.0.1:0", "--json"}, args...)...)
	cmd.Stderr = &d.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	d.stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
		}
	}
	t.Cleanup(d.stop)
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, d) != nil {
		t.Fatalf("taocan %s printed %q (%v)", command, line, err)
	}
	return d
}

func (d *demoServer) send(t *testing.T, method, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, d.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

var (
	metricName  = regexp.MustCompile(`\b(?:taocan|go|process)_[a-z0-9_]+\b`)
	metricLabel = regexp.MustCompile(`([a-z_]+)="`)
)

func TestAlertsAndDashboardUseFiguresThatExist(t *testing.T) {
	backups := t.TempDir()
	if err := os.WriteFile(filepath.Join(backups, "taocan-1.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := startServer(t, "serve", "--backup-folder", backups)
	for i := range 20 { // many callers and strange requests make no further series
		d.send(t, "GET", fmt.Sprintf("/v1/projects/p%d/balance", i), "", "Authorization", "Bearer "+d.Token)
		d.send(t, fmt.Sprintf("M%d", i), fmt.Sprintf("/nothing/%d", i), "")
	}
	_, scrape := d.send(t, "GET", "/metrics", "")
	exists := map[string]bool{}
	allowed := []string{"method", "route", "status", "reason", "operation", "outcome", "file", "version", "go", "le", "quantile", "state", "kind"}
	for line := range strings.Lines(scrape) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		exists[metricName.FindString(line)] = true
		for _, label := range metricLabel.FindAllStringSubmatch(line, -1) {
			if !slices.Contains(allowed, label[1]) {
				t.Errorf("label %s is not one that stays small: %s", label[1], line)
			}
		}
	}
	if n := strings.Count(scrape, "\ntaocan_http_requests_total{"); n > 12 {
		t.Errorf("%d series of requests:\n%s", n, scrape)
	}

	rules, err := os.ReadFile("../deploy/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var exprs []string
	for _, rule := range regexp.MustCompile(`(?m)^ +expr: (.+)$`).FindAllStringSubmatch(string(rules), -1) {
		exprs = append(exprs, rule[1])
	}
	if n := strings.Count(string(rules), "- alert: "); n < 8 || n != len(exprs) || n != strings.Count(string(rules), "          do: ") {
		t.Errorf("%d alerts, %d expressions; each needs one, and says what to do", n, len(exprs))
	}
	if promtool, err := exec.LookPath("promtool"); err != nil {
		t.Log("promtool is not there, so only the names of the rules were checked")
	} else if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "../deploy/prometheus/alerts.yml").CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	b, err := os.ReadFile("../deploy/grafana/taocan.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, p := range dashboard.Panels {
		if len(p.Targets) == 0 || p.Title == "" {
			t.Errorf("a panel shows nothing: %+v", p)
		}
		for _, target := range p.Targets {
			exprs = append(exprs, target.Expr)
		}
	}
	for _, expr := range exprs {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 && !strings.HasPrefix(expr, "up{") {
			t.Errorf("%s looks at no figure", expr)
		}
		for _, name := range names {
			if !exists[name] {
				t.Errorf("%s: there is no %s", expr, name)
			}
		}
		for _, pair := range []string{"()", "[]", "{}"} {
			if strings.Count(expr, pair[:1]) != strings.Count(expr, pair[1:]) {
				t.Errorf("%s: %s do not match", expr, pair)
			}
		}
	}
	documented, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range exists {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, suffix)
		}
		if strings.HasPrefix(name, "taocan_") && !bytes.Contains(documented, []byte("`"+name+"`")) {
			t.Errorf("docs/metrics.md does not explain %s", name)
		}
	}
}

func TestSecretsNeverReachTheLog(t *testing.T) {
	d := startDemo(t, "--log-level", "debug")
	form := "application/x-www-form-urlencoded"
	for _, call := range [][]string{
		{"GET", "/v1/projects/demo/balance", "", "Authorization", "Bearer " + d.Token},
		{"GET", "/v1/projects/demo/balance?token=hidden-query", "", "Authorization", "Bearer " + d.Token},
		{"GET", "/v1/projects/demo/balance", "", "Authorization", "Bearer hidden-bearer"},
		{"GET", "/v1/projects/demo/balance", "", "Authorization", "Basic hidden-basic"},
		{"POST", "/v1/projects/demo/debits", `{"id":"m-1","category":"domestic","purpose":"marketing","quantity":1,"reference":"hidden-reference"}`, "Authorization", "Bearer " + d.Token, "Content-Type", "application/json"},
		{"POST", "/v1/projects/demo/debits", `{"id":"m-1","hidden-field":"hidden-body"}`, "Authorization", "Bearer " + d.Token, "Content-Type", "application/json"},
		{"POST", "/v1/projects/demo/debits", `hidden-not-json`, "Authorization", "Bearer " + d.Token, "Content-Type", "application/json"},
		{"POST", "/v1/sign-in", `{"user":"hidden-user","password":"hidden-password"}`, "Content-Type", "application/json"},
		{"POST", "/v1/sign-in", `{"user":"` + d.User + `","password":"` + d.Password + `","project":"demo"}`, "Content-Type", "application/json"},
		{"POST", "/login", "user=hidden-user&password=hidden-form", "Content-Type", form, "Origin", d.URL},
		{"POST", "/login?next=hidden-next", "user=" + d.User + "&password=" + d.Password, "Content-Type", form, "Origin", d.URL},
		{"GET", "/packages/domestic?q=hidden-search", "", "Cookie", "taocan=hidden-cookie; session=hidden-session"},
		{"GET", "/nothing", "", "Referer", "http://x/?hidden-referer", "User-Agent", "hidden-agent", "X-Request-Id", d.Token},
		{"GET", "/v1/operator/accounts", "", "Authorization", "Bearer " + d.OperatorToken},
		{"POST", "/v1/operator/accounts/demo/top-up", `{"amount":"hidden-amount","reference":"hidden"}`, "Authorization", "Bearer " + d.OperatorToken, "Content-Type", "application/json", "Idempotency-Key", "hidden-key"},
	} {
		d.send(t, call[0], call[1], call[2], call[3:]...)
	}
	d.stop()
	log := d.log.String()
	if n := strings.Count(log, "msg=request "); n < 15 {
		t.Fatalf("%d access lines:\n%s", n, log)
	}
	for _, secret := range []string{"hidden-", d.Token, d.OperatorToken, d.Password} {
		if secret == "" {
			t.Fatalf("the demo names not all of its secrets: %+v", d)
		}
		for line := range strings.Lines(log) {
			if strings.Contains(line, secret) {
				t.Errorf("%s is in the log: %s", secret, line)
			}
		}
	}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "msg=request ") && !strings.Contains(line, "request_id=") {
			t.Errorf("a line without its request: %s", line)
		}
	}
}
