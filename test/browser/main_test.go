package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// What all tests share. Set by TestMain.
var (
	binary    string          // taocan, built once
	chromium  context.Context // the browser; nil: there is none
	artefacts string          // folder for pictures
)

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "taocan-browser-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if artefacts, err = filepath.Abs("../artefacts"); err != nil {
		return 1, err
	}
	if err := os.MkdirAll(artefacts, 0o755); err != nil {
		return 1, err
	}
	stale, err := filepath.Glob(filepath.Join(artefacts, "failed-*.png"))
	if err != nil {
		return 1, err
	}
	for _, file := range stale {
		if err := os.Remove(file); err != nil {
			return 1, err
		}
	}
	path := findChromium()
	if path == "" {
		return m.Run(), nil // every test says that it skips
	}
	if binary = os.Getenv("TAOCAN_BINARY"); binary == "" {
		binary = filepath.Join(dir, "taocan")
		build := exec.Command("go", "build", "-o", binary, "taocan/cmd/taocan")
		if out, err := build.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("build taocan: %w\n%s", err, out)
		}
	}
	// Without a sandbox: Chromium refuses one as root, and many machines give others none. It sees our pages only.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("lang", "zh-CN"), chromedp.Flag("hide-scrollbars", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	var closeBrowser context.CancelFunc
	chromium, closeBrowser = chromedp.NewContext(allocator)
	defer closeBrowser()
	if err := chromedp.Do(chromium); err != nil {
		return 1, fmt.Errorf("start %s: %w", path, err)
	}
	return m.Run(), nil
}

func findChromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// needBrowser skips a test where there is no browser, and fails it where there must be one.
func needBrowser(t *testing.T) {
	t.Helper()
	switch {
	case chromium != nil:
	case os.Getenv("CI") != "":
		t.Fatal("Chromium is missing")
	default:
		t.Skip("Chromium is missing, so no page can be looked at")
	}
}
