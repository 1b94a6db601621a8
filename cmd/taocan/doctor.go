package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"taocan/internal/clock"
	"taocan/internal/config"
	"taocan/internal/delivery"
	"taocan/internal/server"
	"taocan/internal/store"
	"taocan/internal/store/sqlite"
	"taocan/internal/taocan"
)

// doctorCmd takes the flags of serve, so that it looks at what serve would use.
type doctorCmd struct {
	serveCmd
	SendTo string `name:"send-to" placeholder:"ADDRESS" help:"Also send a test mail to this address."`
}

// finding is one line of the doctor's.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warning or problem
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"`
}

const (
	isWell    = "ok"
	isWarning = "warning"
	isProblem = "problem"
)

// What the doctor calls too little, too slow or too late.
const (
	doctorDiskProblem = 512 << 20
	doctorDiskWarning = 2 << 30
	doctorSlowSync    = 20 * time.Millisecond
	doctorCertDays    = 14
	doctorBackupAge   = 36 * time.Hour
	doctorFiles       = 4096
	doctorOverdue     = 10 * time.Minute // of a delivery that nobody has tried
	doctorPatience    = 5 * time.Second  // for whom it asks
)

// doctor looks around. It changes nothing and disturbs no server that runs: the database is opened for reading only.
type doctor struct {
	ctx      context.Context
	settings config.Settings
	clock    clock.Clock
	sendTo   string // a test mail goes there; empty: none
	owner    bool   // the data folder is this user's
	running  bool   // a server answers on the folder's socket
	findings []finding
}

func (d *doctor) say(check, status, do, format string, args ...any) {
	d.findings = append(d.findings, finding{check, status, fmt.Sprintf(format, args...), do})
}

// Run looks at everything, prints a line each, and fails where there is a problem.
func (c *doctorCmd) Run(a *app, line *kong.Context) error {
	d := &doctor{ctx: a.ctx, clock: clock.System(), sendTo: c.SendTo}
	settings, _, err := explainSettings(c.Settings, flagsOf(line), c.Config)
	d.settings = settings
	if err != nil {
		for text := range strings.SplitSeq(err.Error(), "\n") {
			d.say("settings", isProblem, "taocan config shows where each value comes from; docs/taocan.conf.example explains them", "%s", text)
		}
	} else {
		d.say("settings", isWell, "", "every setting can be used, the zone %s is known", settings.Zone)
		for _, look := range []func(){d.folder, d.server, d.database, d.disk, d.network, d.certificate, d.mail, d.backups, d.limits} {
			look()
		}
	}
	problems := len(slices.DeleteFunc(slices.Clone(d.findings), func(f finding) bool { return f.Status != isProblem }))
	if a.json {
		if err := a.printJSON(map[string]any{"ok": problems == 0, "findings": d.findings}); err != nil {
			return err
		}
	} else {
		for _, f := range d.findings {
			fmt.Fprintf(a.out, "%-8s %-12s %s\n", f.Status, f.Check, f.Detail)
			if f.Do != "" {
				fmt.Fprintf(a.out, "%21s → %s\n", "", f.Do)
			}
		}
	}
	if problems > 0 {
		return fmt.Errorf("%d problems", problems)
	}
	return nil
}

// folder looks at who may read what.
func (d *doctor) folder() {
	info, err := os.Stat(d.settings.Data)
	if errors.Is(err, fs.ErrNotExist) {
		d.say("folder", isWarning, "taocan serve or taocan migrate makes it", "there is no data folder %s yet", d.settings.Data)
		return
	}
	if err != nil || !info.IsDir() {
		d.say("folder", isProblem, "give the data folder with --data", "%s cannot be used as the data folder: %v", d.settings.Data, err)
		return
	}
	d.owner = true
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		d.owner = false
		d.say("folder", isProblem, "run taocan as the service's user: sudo -u taocan taocan doctor …",
			"%s belongs to user %d and this is user %d, so the database was not opened: files made by another user would lock the service out",
			d.settings.Data, stat.Uid, os.Geteuid())
	}
	open := false
	for name, most := range map[string]fs.FileMode{".": 0o700, sqlite.FileName: 0o600, "master.key": 0o600, "operator-password": 0o600} {
		path := filepath.Join(d.settings.Data, name)
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&^most != 0 {
			open = true
			d.say("folder", isProblem, fmt.Sprintf("chmod %o %s", most, path), "%s can be read by others (mode %o)", path, info.Mode().Perm())
		}
	}
	if !open && d.owner {
		d.say("folder", isWell, "", "%s is its owner's alone", d.settings.Data)
	}
	if _, err := os.Stat(filepath.Join(d.settings.Data, "operator-password")); err == nil {
		d.say("folder", isWarning, "note the password or set another, then remove the file", "the first operator's password still stands in %s",
			filepath.Join(d.settings.Data, "operator-password"))
	}
}

// server asks the one that runs on the folder.
func (d *doctor) server() {
	status, err := askReady(d.ctx, d.settings.Data)
	switch {
	case err != nil:
		d.say("server", isWell, "", "no server runs on %s", d.settings.Data)
	case status == http.StatusOK:
		d.running = true
		d.say("server", isWell, "", "the server takes calls")
	default:
		d.running = true
		d.say("server", isProblem, "its log says why: a clock that jumped, a full disk or a suspect ledger", "the server runs and takes no calls (/readyz answers %d)", status)
	}
}

// database looks at the schema, the pages, and the clock against the last commit.
func (d *doctor) database() {
	if d.settings.DatabaseURL != "" {
		d.postgres()
		return
	}
	path := filepath.Join(d.settings.Data, sqlite.FileName)
	if _, err := os.Stat(path); err != nil || !d.owner {
		return
	}
	st, err := sqlite.Open(d.ctx, sqlite.Options{Dir: d.settings.Data, Clock: d.clock, ReadOnly: true})
	if err != nil {
		d.say("database", isProblem, "is it a database of taocan? taocan restore puts a backup back", "%s cannot be opened: %v", path, err)
		return
	}
	defer func() { _ = st.Close() }() // read only: nothing to lose
	h, err := st.Health(d.ctx)
	switch {
	case err != nil:
		d.say("database", isProblem, "taocan restore puts a backup back", "%s cannot be read: %v", path, err)
		return
	case h.Schema > h.Newest:
		d.say("database", isProblem, "use the version that wrote it, or a newer one", "the schema is version %d, and this program knows %d", h.Schema, h.Newest)
	case h.Schema < h.Newest:
		d.say("database", isWarning, "make a backup; the next start brings it up to date", "the schema is version %d, and this program has %d", h.Schema, h.Newest)
	}
	if h.Damage != nil {
		d.say("database", isProblem, "keep the files, taocan restore puts a backup back", "SQLite finds damage: %s", strings.Join(h.Damage, "; "))
	} else {
		d.say("database", isWell, "", "%s is whole by SQLite's own look; taocan verify proves what is in it", path)
	}
	d.time(h.LastCommit)
	d.contents(st)
}

// contents looks at what does not depend on who keeps it.
func (d *doctor) contents(st server.Opened) {
	if d.running {
		d.deliveries(st)
	} else {
		d.ids(st)
	}
	d.channels(st)
}

// ids reads the index of debit ids through. A server that runs does so itself wherever it reads.
func (d *doctor) ids(st server.Opened) {
	if !d.owner {
		return
	}
	n, err := server.CheckIDs(d.ctx, d.settings, st, d.clock)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.say("ids", isWell, "", "there are no files of the index of debit ids yet; it is made from the log")
	case err != nil:
		d.say("ids", isWarning, "remove the folder ids from the data folder while no server runs: the next start makes it from the log", "the index of debit ids: %v", err)
	default:
		d.say("ids", isWell, "", "the index of debit ids is whole: %d ids in files", n)
	}
}

func (d *doctor) time(last time.Time) {
	switch now := d.clock.Now(); {
	case last.After(now.Add(time.Minute)):
		d.say("clock", isProblem, "put the clock right (NTP); until then nothing expires and commits are dated after the last one",
			"the clock says %s, and the last commit was at %s", now.Format(time.RFC3339), last.Format(time.RFC3339))
	case last.IsZero():
		d.say("clock", isWell, "", "it is %s; there is no commit to compare with", now.Format(time.RFC3339))
	default:
		d.say("clock", isWell, "", "it is %s, after the last commit at %s", now.Format(time.RFC3339), last.Format(time.RFC3339))
	}
}

// deliveries looks for notices that should have been sent a while ago.
func (d *doctor) deliveries(st store.Store) {
	var due []taocan.Delivery
	err := st.View(d.ctx, func(r store.Reader) (err error) {
		due, err = r.DueDeliveries(d.ctx, d.clock.Now().Add(-doctorOverdue), 100, 100)
		return err
	})
	switch {
	case err != nil:
		d.say("deliveries", isWarning, "the schema is older; start the server of this version", "the outbox cannot be read: %v", err)
	case len(due) > 0:
		d.say("deliveries", isProblem, "look into the server's log", "%d or more notices wait that should have been tried %s ago; the oldest since %s",
			len(due), doctorOverdue, due[0].NextAt.Format(time.RFC3339))
	default:
		d.say("deliveries", isWell, "", "no notice waits longer than it should")
	}
}

// mail greets the mail server, and sends a test where one is asked for.
func (d *doctor) mail() {
	if d.settings.SMTPHost == "" {
		d.say("mail", isWell, "", "no mail server is set, so there are no e-mail channels")
		return
	}
	sender, err := server.NewSender(d.settings)
	if err == nil {
		err = sender.TryMail(d.ctx)
	}
	if err != nil {
		d.say("mail", isProblem, "look at the settings smtp-…, and whether this machine may connect there", "%s:%d: %v", d.settings.SMTPHost, d.settings.SMTPPort, err)
		return
	}
	if d.sendTo == "" {
		d.say("mail", isWell, "", "%s:%d takes mail of this server", d.settings.SMTPHost, d.settings.SMTPPort)
		return
	}
	_, err = sender.Send(d.ctx, delivery.Message{ID: "doctor_" + rand.Text(), At: d.clock.Now(), ProjectName: "taocan doctor",
		Notice:  taocan.Notice{Event: taocan.NoticeTest, At: d.clock.Now()},
		Channel: taocan.Channel{Kind: taocan.Email, Address: d.sendTo, Language: "zh"}})
	if err != nil {
		d.say("mail", isProblem, "the mail server's answer says why", "the test mail to %s was not taken: %v", d.sendTo, err)
	} else {
		d.say("mail", isWell, "", "%s:%d took a test mail to %s", d.settings.SMTPHost, d.settings.SMTPPort, d.sendTo)
	}
}

// doctorHosts bounds how many hosts of channels are asked.
const doctorHosts = 50

// channels asks every host that a customer's channel names whether it answers at all.
func (d *doctor) channels(st store.Store) {
	var all []taocan.Channel
	err := st.View(d.ctx, func(r store.Reader) (err error) {
		all, err = r.SealedChannels(d.ctx)
		return err
	})
	if err != nil {
		return // the schema is older: said above
	}
	sender, err := server.NewSender(d.settings)
	if err != nil {
		d.say("channels", isProblem, "look at the settings smtp-password-file and webhook-allow-networks", "%v", err)
		return
	}
	hosts := map[[2]string]error{}
	for _, c := range all {
		if scheme, host := delivery.HostOf(c); host != "" && c.Enabled && len(hosts) < doctorHosts {
			hosts[[2]string{scheme, host}] = nil
		}
	}
	var asking sync.WaitGroup
	var mu sync.Mutex
	for at := range maps.Clone(hosts) {
		asking.Go(func() {
			err := sender.TryHost(d.ctx, at[0], at[1])
			mu.Lock()
			defer mu.Unlock()
			hosts[at] = err
		})
	}
	asking.Wait()
	bad := 0
	for at, err := range hosts {
		if err != nil {
			bad++
			d.say("channels", isWarning, "is it the receiver that is down, or this machine that may not connect?", "%s does not answer: %v", at[1], err)
		}
	}
	if bad == 0 {
		d.say("channels", isWell, "", "all %d hosts of customers' channels answer", len(hosts))
	}
}

// disk looks at what is left, and how long a sync takes: a group commit waits for one.
func (d *doctor) disk() {
	if _, err := os.Stat(d.settings.Data); err != nil {
		return
	}
	free, err := server.DiskFree(d.settings.Data)
	switch {
	case err != nil:
		d.say("disk", isWarning, "", "the space left is not known: %v", err)
	case free < doctorDiskProblem:
		d.say("disk", isProblem, "make room, or move the data folder", "%d MiB are left", free>>20)
	case free < doctorDiskWarning:
		d.say("disk", isWarning, "make room soon", "%d MiB are left", free>>20)
	default:
		d.say("disk", isWell, "", "%d MiB are left", free>>20)
	}
	if !d.owner {
		return
	}
	took, err := d.sync()
	switch {
	case err != nil:
		d.say("disk", isProblem, "is the file system read-only, or full?", "nothing can be written to %s: %v", d.settings.Data, err)
	case took > doctorSlowSync && d.settings.DatabaseURL == "":
		d.say("disk", isWarning, "debits wait for it: prefer a local SSD to a network disk", "a sync takes %s", took.Round(10*time.Microsecond))
	default:
		d.say("disk", isWell, "", "a sync takes %s", took.Round(10*time.Microsecond))
	}
}

// sync is the median time of writing and syncing 4 KiB in the data folder.
func (d *doctor) sync() (_ time.Duration, err error) {
	f, err := os.CreateTemp(d.settings.Data, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	var took []time.Duration
	for range 15 {
		began := d.clock.Monotonic()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, d.clock.Monotonic()-began)
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// network looks whether the address can be had, and who can listen in.
func (d *doctor) network() {
	if !d.running {
		l, err := (&net.ListenConfig{}).Listen(d.ctx, "tcp", d.settings.Addr)
		if err != nil {
			d.say("address", isProblem, "another program has it, or it is not this machine's: choose another with addr", "%v", err)
		} else {
			d.say("address", isWell, "", "%s is free", d.settings.Addr)
			_ = l.Close()
		}
	}
	host, _, _ := net.SplitHostPort(d.settings.Addr) // checked by config
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	switch {
	case !local && d.settings.TLSCert == "" && d.settings.TrustedProxies == "":
		d.say("network", isWarning, "set tls-cert and tls-key, or listen on 127.0.0.1 behind a proxy and name it in trusted-proxies",
			"%s speaks plain HTTP to other machines: tokens and passwords can be read on the way", d.settings.Addr)
	case local && d.settings.TrustedProxies == "":
		d.say("network", isWell, "", "only this machine can ask %s; name a proxy in trusted-proxies when there is one", d.settings.Addr)
	default:
		d.say("network", isWell, "", "TLS or a trusted proxy stands before %s", d.settings.Addr)
	}
}

// certificate looks how long it holds.
func (d *doctor) certificate() {
	if d.settings.TLSCert == "" {
		return
	}
	pair, err := tls.LoadX509KeyPair(d.settings.TLSCert, d.settings.TLSKey)
	var leaf *x509.Certificate
	if err == nil {
		leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	if err != nil {
		d.say("certificate", isProblem, "both are PEM files, and the key is the certificate's", "%s with %s cannot be used: %v", d.settings.TLSCert, d.settings.TLSKey, err)
		return
	}
	now := d.clock.Now()
	days := int(leaf.NotAfter.Sub(now).Hours() / 24)
	switch {
	case now.After(leaf.NotAfter) || now.Before(leaf.NotBefore):
		d.say("certificate", isProblem, "get another and restart the server", "it holds from %s to %s", leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly))
	case days < doctorCertDays:
		d.say("certificate", isWarning, "renew it and restart the server", "it holds for %d more days", days)
	default:
		d.say("certificate", isWell, "", "it holds for %d more days", days)
	}
	if info, err := os.Stat(d.settings.TLSKey); err == nil && info.Mode().Perm()&0o077 != 0 {
		d.say("certificate", isWarning, "chmod 600 "+d.settings.TLSKey, "the key can be read by others (mode %o)", info.Mode().Perm())
	}
}

func (d *doctor) backups() {
	how := "taocan backup"
	if d.settings.DatabaseURL != "" {
		how = "pg_dump or pg_basebackup"
	}
	if d.settings.BackupFolder == "" {
		d.say("backups", isWarning, "run "+how+" every day, and name their folder in backup-folder", "nobody looks after backups")
		return
	}
	newest, err := server.NewestFile(d.settings.BackupFolder)
	age := d.clock.Now().Sub(newest)
	switch {
	case err != nil:
		d.say("backups", isProblem, "run "+how+" every day", "%v", err)
	case age > doctorBackupAge:
		d.say("backups", isProblem, "look why "+how+" no longer runs", "the newest file in %s is %d hours old", d.settings.BackupFolder, int(age.Hours()))
	default:
		d.say("backups", isWell, "", "the newest file in %s is %d hours old", d.settings.BackupFolder, int(age.Hours()))
	}
}

func (d *doctor) limits() {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return
	}
	if l.Max < doctorFiles {
		d.say("limits", isWarning, "raise LimitNOFILE of the service, or ulimit -n", "at most %d files and connections at once", l.Max)
		return
	}
	d.say("limits", isWell, "", "%d files and connections at once", l.Max)
}
