package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"taocan/internal/config"
)

type configCmd struct {
	Show  configShowCmd  `cmd:"" default:"withargs" help:"Print the settings as they hold, and where each came from."`
	Check configCheckCmd `cmd:"" help:"Say everything that is wrong with a file of settings."`
}

// configShowCmd takes the flags of serve, so that what it prints is what serve would do.
type configShowCmd struct{ serveCmd }

func (c *configShowCmd) Run(a *app, line *kong.Context) error {
	_, all, err := explainSettings(c.Settings, flagsOf(line), c.Config)
	if all == nil {
		return usageError{err}
	}
	if a.json {
		err = errors.Join(err, a.printJSON(map[string]any{"settings": all}))
	} else {
		for _, e := range all {
			origin := string(e.Origin)
			if e.Where != "" {
				origin += ", " + e.Where
			}
			fmt.Fprintf(a.out, "%-22s = %-28s # %s\n", e.Name, e.Value, origin)
		}
	}
	if err != nil {
		return usageError{err}
	}
	return nil
}

type configCheckCmd struct {
	File string `arg:"" placeholder:"FILE" help:"File of settings."`
}

// Run looks at the file alone: flags and variables of this shell are not those of the service.
func (c *configCheckCmd) Run(a *app) error {
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = config.Merge(config.Defaults(), nil, f, func(string) (string, bool) { return "", false })
	problems := []string{}
	if err != nil {
		problems = strings.Split(err.Error(), "\n")
	}
	if a.json {
		if err := a.printJSON(map[string]any{"ok": len(problems) == 0, "problems": problems}); err != nil {
			return err
		}
	} else {
		for _, p := range problems {
			fmt.Fprintln(a.out, p)
		}
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s: %d wrong", c.File, len(problems))
	}
	if !a.json {
		fmt.Fprintf(a.out, "%s is well\n", c.File)
	}
	return nil
}
