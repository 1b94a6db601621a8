package main

import "net/http"

type keyCmd struct {
	Rotate keyRotateCmd `cmd:"" help:"Make a new master key and seal all secrets with it."`
}

type keyRotateCmd struct {
	target  `json:"-"`
	DropOld bool `name:"drop-old" json:"drop_old" help:"Then remove the old keys from the key file. Backups from before need a copy of the old file."`
}

func (c *keyRotateCmd) Run(a *app) error {
	return c.show(a, request{method: http.MethodPost, path: operatorPath + "/master-key/rotate", body: c}, "resealed", "missing", "keys")
}
