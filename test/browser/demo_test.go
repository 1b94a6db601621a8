package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// demo is a running `taocan demo` and the doors to it.
type demo struct {
	t    *testing.T
	data string
	stop func()

	URL              string `json:"url"`
	Token            string `json:"token"`
	OperatorToken    string `json:"operator_token"`
	User             string `json:"user"`
	Password         string `json:"password"`
	OperatorUser     string `json:"operator_user"`
	OperatorPassword string `json:"operator_password"`
}

// startDemo starts a server with data of its own and ends it with the test.
func startDemo(t *testing.T) *demo {
	t.Helper()
	needBrowser(t)
	d := &demo{t: t, data: t.TempDir()}
	d.start("demo")
	return d
}

// restart ends the server and starts another one on its data.
func (d *demo) restart(command ...string) {
	d.t.Helper()
	d.stop()
	d.start(command...)
}

// start runs a command that serves the data, and reads what it says of itself.
func (d *demo) start(command ...string) {
	d.t.Helper()
	line, err := d.run(append(command, "--json")...).ReadBytes('\n')
	if err != nil {
		d.t.Fatalf("taocan %q did not start: %v", command, err)
	}
	if err := json.Unmarshal(line, d); err != nil {
		d.t.Fatalf("the line of JSON of taocan %q: %v: %s", command, err, line)
	}
}

// startInWords starts the demo as a person does, and returns the path of the link that it prints to sign in.
func (d *demo) startInWords() (path string) {
	d.t.Helper()
	out := d.run("demo")
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			d.t.Fatalf("the demo printed no link: %v", err)
		}
		if link, err := url.Parse(strings.TrimSpace(line)); err == nil && strings.HasPrefix(link.Path, "/login/") {
			d.URL = link.Scheme + "://" + link.Host
			go func() { _, _ = io.Copy(io.Discard, out) }() // the rest, so that it does not stop for want of a reader
			return link.RequestURI()
		}
	}
}

// run runs a command on the data until the test ends or stop is called, and returns what it writes.
func (d *demo) run(command ...string) *bufio.Reader {
	d.t.Helper()
	cmd := exec.Command(binary, append(command, "--addr", "127.0.0.1:0", "--data", d.data)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if d.t.Failed() && log.Len() > 0 {
			d.t.Logf("the server logged\n%s", log.String())
		}
	})
	d.t.Cleanup(d.stop)
	return bufio.NewReader(out)
}

// call asks the API and returns its answer, which must be a success. The content type follows from the body: JSON, or text for a CSV.
func (d *demo) call(method, path, token string, body any, header ...string) map[string]any {
	d.t.Helper()
	var content io.Reader
	media := "application/json"
	switch b := body.(type) {
	case nil:
	case string:
		content, media = strings.NewReader(b), "text/csv"
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			d.t.Fatal(err)
		}
		content = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.URL+path, content)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if content != nil {
		r.Header.Set("Content-Type", media)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if answer.StatusCode/100 != 2 {
		d.t.Fatalf("%s %s answered %d: %s", method, path, answer.StatusCode, text)
	}
	var decoded map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &decoded); err != nil {
			d.t.Fatalf("%s %s: %v: %s", method, path, err, text)
		}
	}
	return decoded
}

type object = map[string]any

// member adds a login of the demo's account.
func (d *demo) member(login, role string) (password string) {
	d.t.Helper()
	password = "correct-horse-" + login
	d.call("POST", "/v1/operator/members", d.OperatorToken, object{"account": "demo", "login": login, "password": password, "role": role})
	return password
}

// voucher issues one for the demo's account.
func (d *demo) voucher(amount, least string) {
	d.t.Helper()
	d.call("POST", "/v1/operator/vouchers", d.OperatorToken, object{"count": 1, "amount": amount, "min_amount": least, "account": "demo",
		"valid_until": time.Now().AddDate(0, 1, 0).Format(time.RFC3339)})
}

// buy buys through the API, while a page looks on.
func (d *demo) buy(quantity int) {
	d.t.Helper()
	agreement := d.call("GET", "/v1/projects/demo/agreement", d.Token, nil)["version"]
	key := "test-" + strconv.Itoa(quantity)
	order := d.call("POST", "/v1/projects/demo/orders", d.Token, object{"category": "domestic", "kind": "custom", "purpose": "marketing",
		"quantity": quantity, "agreement_version": agreement}, "Idempotency-Key", key)
	d.call("POST", "/v1/projects/demo/orders/"+order["id"].(string)+"/payment", d.Token, object{}, "Idempotency-Key", key)
}

// orders and packages counts, as the API tells them.
func (d *demo) orders(state string) int {
	d.t.Helper()
	return d.total("/v1/projects/demo/orders", url.Values{"state": {state}})
}

func (d *demo) packages(category string) int {
	d.t.Helper()
	return d.total("/v1/projects/demo/packages", url.Values{"category": {category}})
}

func (d *demo) total(path string, query url.Values) int {
	d.t.Helper()
	return int(d.call("GET", path+"?"+query.Encode(), d.Token, nil)["total"].(float64))
}

// wallet is what the demo's account owns.
func (d *demo) wallet() (cash, gift string) {
	d.t.Helper()
	w := d.call("GET", "/v1/projects/demo/wallet", d.Token, nil)
	return w["cash"].(string), w["gift"].(string)
}
