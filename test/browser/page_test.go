package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	pagecommands "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

type lang string

const (
	zh lang = "zh"
	en lang = "en"
)

// size of a window in CSS pixels.
type size struct {
	name          string
	width, height int64
}

var (
	desktop = size{"1440", 1440, 900}
	phone   = size{"390", 390, 844}
)

// patience is how long a step waits for what it is about. It ends tests that fail, and measures nothing.
const patience = 20 * time.Second

// Keys that are not letters.
const (
	arrowRight = kb.ArrowRight
	escape     = kb.Escape
)

// page is a window of the browser. Its methods are the words of the journeys; each fails the test when it cannot do as told.
type page struct {
	t     *testing.T
	demo  *demo
	ctx   context.Context
	watch *watch
	lang  lang
	size  size

	patience time.Duration // of a step
}

// open starts a demo and opens a window at its start page, with cookies of its own.
func open(t *testing.T, l lang, s size) *page {
	t.Helper()
	return startDemo(t).open(t, l, s)
}

// open opens a window with cookies of its own: another person's browser.
func (d *demo) open(t *testing.T, l lang, s size) *page {
	t.Helper()
	p := newWindow(t, d, chromium, chromedp.WithNewBrowserContext())
	p.resize(s)
	p.prefer(l, "light")
	p.visit("/")
	return p
}

// another opens a second window of the same person: it has the same cookies.
func (p *page) another() *page {
	p.t.Helper()
	q := newWindow(p.t, p.demo, p.ctx)
	q.lang = p.lang
	q.resize(p.size)
	return q
}

func newWindow(t *testing.T, d *demo, in context.Context, options ...chromedp.ContextOption) *page {
	t.Helper()
	w := &watch{home: d.URL}
	ctx, closeWindow := chromedp.NewContext(in, append(options, chromedp.WithListener(w.event))...)
	p := &page{t: t, demo: d, ctx: ctx, watch: w, patience: patience}
	t.Cleanup(func() {
		if t.Failed() {
			if err := p.photograph("failed-" + strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())); err != nil {
				t.Logf("no picture of the failure: %v", err)
			}
		}
		_ = chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void]("0")) // whatever the page has done so far is in the watch
		for _, fault := range w.faults() {
			t.Errorf("the page %s", fault)
		}
		closeWindow()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a window: %v", err)
	}
	return p
}

// step runs actions that must succeed.
func (p *page) step(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v%s", what, err, p.state())
	}
}

// command sends the browser one command of its protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (p *page) resize(s size) {
	p.t.Helper()
	p.size = s
	if s.width > 600 {
		p.step("resize", chromedp.EmulateViewport(s.width, s.height))
	} else {
		p.step("resize", chromedp.EmulateViewport(s.width, s.height, chromedp.EmulateMobile))
	}
}

// prefer sets what the links in a page's head set: the language and the theme.
func (p *page) prefer(l lang, theme string) {
	p.t.Helper()
	p.lang = l
	p.step("prefer", command(network.SetCookie, network.SetCookieParams{Name: "taocan_language", Value: string(l), URL: p.demo.URL}),
		command(network.SetCookie, network.SetCookieParams{Name: "taocan_theme", Value: theme, URL: p.demo.URL}))
}

func (p *page) withoutScript() {
	p.t.Helper()
	p.step("switch script off", command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// visit enters an address of the server.
func (p *page) visit(path string) {
	p.t.Helper()
	p.step("go to "+path, chromedp.Navigate(p.demo.URL+path))
}

func (p *page) reload() {
	p.t.Helper()
	p.step("reload", chromedp.Reload())
}

func (p *page) back() {
	p.t.Helper()
	p.until("goes back", "(history.back(), true)") // it may come from the browser's memory, without loading
}

// signIn signs in as the demo's owner.
func (p *page) signIn() {
	p.t.Helper()
	p.signInAs(p.demo.User, p.demo.Password)
	p.at("/packages/domestic")
}

func (p *page) signInAs(login, password string) {
	p.t.Helper()
	p.visit("/login")
	p.fill("#login", login)
	p.fill("#password", password)
	p.click("form[action='/login'] button[type=submit]")
	p.until("leaves the login page", `location.pathname !== "/login" && document.readyState === "complete"`)
}

// script is what the page's own scripts know nothing of: $ finds what can be seen, by selector or, after "=", by its text.
const script = `(() => {
	const seen = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0 && e.checkVisibility({visibilityProperty: true}) };
	const words = e => (e.getAttribute("aria-label") || e.innerText || "").replace(/\s+/g, " ").trim();
	const $$ = s => s[0] === "=" ?
		[...document.querySelectorAll("a, button, summary, label, [role=button]")].filter(e => seen(e) && words(e) === s.slice(1)) :
		[...document.querySelectorAll(s)].filter(seen);
	const $ = s => $$(s)[0];
	return %s;
})()`

// look evaluates an expression in the page. Each %s of it stands for one of the strings.
func look[T any](ctx context.Context, expression string, strings ...string) (T, error) {
	quoted := make([]any, len(strings))
	for i, s := range strings {
		b, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		quoted[i] = string(b)
	}
	return chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf(script, fmt.Sprintf(expression, quoted...))))
}

// until waits until a condition holds. The page may be on its way to another one meanwhile.
func (p *page) until(what, condition string, strings ...string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	again := time.NewTicker(15 * time.Millisecond)
	defer again.Stop()
	for {
		holds, err := look[bool](ctx, "!!("+condition+")", strings...)
		if err == nil && holds {
			return
		}
		select {
		case <-ctx.Done():
			if err != nil {
				what += fmt.Sprintf(" (%v)", err)
			}
			p.t.Fatalf("the page never: %s%s", what, p.state())
		case <-again.C:
		}
	}
}

// state is what a person would say of a page that is not as it should be.
func (p *page) state() string {
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	text, err := look[string](ctx, `location.href + "\n" + (document.querySelector("dialog[open]") || document.querySelector("main") || document.body).innerText.replace(/\s+/g, " ").slice(0, 1200)`)
	if err != nil {
		text = err.Error()
	}
	return "\nit shows " + text
}

// at waits until the address is this one: a path, perhaps with its query.
func (p *page) at(want string) {
	p.t.Helper()
	p.until("is at "+want, `(%s.includes("?") ? location.pathname + location.search : location.pathname) === %s && document.readyState === "complete"`, want, want)
}

// atLike waits until the path matches a regular expression, and returns the path.
func (p *page) atLike(pattern string) string {
	p.t.Helper()
	p.until("is at "+pattern, `new RegExp("^" + %s + "$").test(location.pathname) && document.readyState === "complete"`, pattern)
	return p.get("location.pathname")
}

// query is what the address says after the question mark.
func (p *page) query() url.Values {
	p.t.Helper()
	v, err := url.ParseQuery(strings.TrimPrefix(p.get("location.search"), "?"))
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// get is the value of an expression, a string.
func (p *page) get(expression string, strings ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	v, err := look[string](ctx, expression, strings...)
	if err != nil {
		p.t.Fatalf("%s: %v%s", expression, err, p.state())
	}
	return v
}

// list is the text of everything that a selector finds and that can be seen.
func (p *page) list(selector string) []string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	v, err := look[[]string](ctx, `$$(%s).map(e => e.innerText.replace(/\s+/g, " ").trim())`, selector)
	if err != nil {
		p.t.Fatalf("%s: %v%s", selector, err, p.state())
	}
	return v
}

// options are the texts of a list to choose from.
func (p *page) options(selector string) []string {
	p.t.Helper()
	p.seeAt(selector)
	return strings.Split(p.get(`[...$(%s).options].map(o => o.text).join("\n")`, selector), "\n")
}

// text waits for an element and returns its text in one line.
func (p *page) text(selector string) string {
	p.t.Helper()
	p.seeAt(selector)
	return p.get(`$(%s).innerText.replace(/\s+/g, " ").trim()`, selector)
}

// says waits until an element's text, in one line, is this.
func (p *page) says(selector, want string) {
	p.t.Helper()
	p.until(selector+" says "+want, `$(%s).innerText.replace(/\s+/g, " ").trim() === %s`, selector, want)
}

// see waits until texts stand on the page where they can be seen.
func (p *page) see(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.until("shows "+text, `(document.querySelector("dialog[open]") || document.body).innerText.replace(/\s+/g, " ").includes(%s)`, text)
	}
}

// seeAt waits until an element can be seen.
func (p *page) seeAt(selector string) {
	p.t.Helper()
	p.until("shows "+selector, `$(%s)`, selector)
}

// gone waits until no such element can be seen.
func (p *page) gone(selector string) {
	p.t.Helper()
	p.until("is without "+selector, `!$(%s)`, selector)
}

// spot waits until an element can be clicked, brings it into view and returns its middle.
func (p *page) spot(selector string) (x, y float64) {
	p.t.Helper()
	p.until("lets click "+selector, `(e => { if (!e || e.disabled || document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling")) return false; e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
		const r = e.getBoundingClientRect(), hit = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2);
		return hit && (e.contains(hit) || hit.contains(e) || (e.labels && [...e.labels].some(l => l.contains(hit)))) })($(%s))`, selector)
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	at, err := look[[]float64](ctx, `(r => [r.left + r.width / 2, r.top + r.height / 2])($(%s).getBoundingClientRect())`, selector)
	if err != nil {
		p.t.Fatalf("find %s: %v%s", selector, err, p.state())
	}
	return at[0], at[1]
}

// click clicks with the mouse on what can be seen and is not covered.
func (p *page) click(selector string) {
	p.t.Helper()
	x, y := p.spot(selector)
	p.step("click "+selector, chromedp.MouseClickXY(x, y))
}

// doubleClick clicks twice as fast as it goes: the second click does not wait for what the first has done.
func (p *page) doubleClick(selector string) {
	p.t.Helper()
	x, y := p.spot(selector)
	press := func(kind input.DispatchMouseEventType, count int64) chromedp.Action[chromedp.Void] {
		return command(input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: x, Y: y, Button: input.MouseButtonLeft, ClickCount: count})
	}
	p.step("double-click "+selector, press(chromedp.MousePressed, 1), press(chromedp.MouseReleased, 1), press(chromedp.MousePressed, 2), press(chromedp.MouseReleased, 2))
}

// fill types into a field instead of what it holds, key by key.
func (p *page) fill(selector, value string) {
	p.t.Helper()
	p.click(selector)
	p.until("selects "+selector, `(e => { e.focus(); e.select(); return document.activeElement === e })($(%s))`, selector)
	if value == "" {
		value = "\b"
	}
	p.step("type into "+selector, chromedp.KeyEvent(value))
}

// choose takes an option of a list to choose from, by its value.
func (p *page) choose(selector, value string) {
	p.t.Helper()
	p.until("offers "+value+" in "+selector, `(e => { if (!e || ![...e.options].some(o => o.value === %s)) return false; e.value = %s;
		e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true})); return true })($(%s))`, value, value, selector)
}

// keys presses keys, for who has no mouse.
func (p *page) keys(keys string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	p.step("press keys", chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// enter presses Enter as a keyboard does: once. KeyEvent would send the character twice, and a dialog that opens meanwhile got the second.
func (p *page) enter() {
	p.t.Helper()
	press := func(kind input.DispatchKeyEventType, text string) chromedp.Action[chromedp.Void] {
		return command(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", Text: text, WindowsVirtualKeyCode: 13,
			NativeVirtualKeyCode: 13})
	}
	p.step("press Enter", press(input.DispatchKeyEventTypeRawKeyDown, ""), press(input.DispatchKeyEventTypeChar, "\r"), press(input.DispatchKeyEventTypeKeyUp, ""))
}

// tabTo presses Tab until the focus is where it should be, and sees that it shows.
func (p *page) tabTo(selector string) {
	p.t.Helper()
	for range 80 {
		p.keys("\t")
		if p.get(`String(document.activeElement.matches(%s))`, selector) == "true" {
			return
		}
	}
	p.t.Fatalf("Tab never comes to %s%s", selector, p.state())
}

// mayLog says that the test provokes an entry in the browser's log.
func (p *page) mayLog(part string) { p.watch.expect(part) }

// pictures: they take as long as all else, so only who wants to look at them has them taken (make pictures).
var pictures = os.Getenv("TAOCAN_PICTURES") != ""

// shot leaves a picture of the page as it stands.
func (p *page) shot(name string) {
	p.t.Helper()
	if !pictures {
		return
	}
	if err := p.photograph(fmt.Sprintf("%s-%s-%s", name, p.lang, p.size.name)); err != nil {
		p.t.Errorf("picture of %s: %v", name, err)
	}
}

func (p *page) photograph(name string) error {
	ctx, cancel := context.WithTimeout(p.ctx, p.patience)
	defer cancel()
	height, err := look[float64](ctx, `Math.min(Math.max(document.documentElement.scrollHeight, innerHeight), 4000)`)
	if err != nil {
		return err
	}
	picture, err := chromedp.Run(ctx, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		whole := &pagecommands.Viewport{Width: float64(p.size.width), Height: height, Scale: 1}
		r, err := cdp.Call(ctx, t, pagecommands.CaptureScreenshot, pagecommands.CaptureScreenshotParams{Clip: whole, CaptureBeyondViewport: new(true), OptimizeForSpeed: new(true)})
		return r.Data, err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(artefacts, name+".png"), picture, 0o644)
}
