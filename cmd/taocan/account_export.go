package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

type accountExportCmd struct {
	target
	Force bool   `name:"force" help:"Replace FILE if it is there, once the new one is complete."`
	ID    string `arg:"" help:"Account."`
	File  string `arg:"" help:"ZIP file to make. It appears when it is complete."`
}

// exportAnswer is what --json prints.
type exportAnswer struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

// Run asks whoever answers, and gives the file its name when it is whole.
func (c *accountExportCmd) Run(a *app) error {
	taken := fmt.Errorf("%s is there already: give another name, or --force", c.File)
	if _, err := os.Lstat(c.File); err == nil && !c.Force {
		return taken
	}
	ctx, stop := untilSignal(a.ctx)
	defer stop()
	api, err := c.connect(ctx)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(c.File), ".taocan-export-*") // readable by its owner alone
	if err != nil {
		return errors.Join(err, api.close())
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already where all went well
	err = errors.Join(api.download(ctx, accountPath(c.ID, "/export.zip"), file), api.close())
	if err == nil {
		err = file.Sync()
	}
	size, sizeErr := file.Seek(0, io.SeekCurrent)
	if err := errors.Join(err, sizeErr, file.Close()); err != nil {
		return fmt.Errorf("export account %s: %w", c.ID, err)
	}
	if err := c.name(file.Name()); errors.Is(err, fs.ErrExist) {
		return taken
	} else if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(exportAnswer{c.File, size})
	}
	fmt.Fprintf(a.out, "exported account %s to %s: %d bytes\n", c.ID, c.File, size)
	return nil
}

// name gives the whole file its name. Without --force it never replaces one that has come meanwhile.
func (c *accountExportCmd) name(whole string) error {
	if c.Force {
		return os.Rename(whole, c.File)
	}
	return os.Link(whole, c.File)
}
