package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"taocan/internal/clock"
	"taocan/internal/delivery"
	"taocan/internal/taocan"
)

// traceCommit is nil where nothing is traced, so that the engine does nothing for it.
func (s *Server) traceCommit() func(context.Context, int) (context.Context, func(error)) {
	if s.traces == nil {
		return nil
	}
	return s.traces.Commit
}

// metrics is the registry of the whole server, with what only the server knows in it: its files, its clock and its build.
func (s *Server) metrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(machineCollector{s}) // a fresh registry refuses nothing
	return r
}

// machineCollector looks at the machine when it is asked. Every look is a call of the system; none reads a table.
type machineCollector struct{ s *Server }

var (
	buildInfo      = prometheus.NewDesc("taocan_build_info", "Always 1; the version is in the labels.", []string{"version", "go"}, nil)
	databaseBytes  = prometheus.NewDesc("taocan_database_bytes", "Size of the database's files in the data folder; missing where PostgreSQL has it.", []string{"file"}, nil)
	diskFreeBytes  = prometheus.NewDesc("taocan_disk_free_bytes", "What the file system of the data folder has left for the server.", nil, nil)
	clockTrusted   = prometheus.NewDesc("taocan_clock_trusted", "0 after the clock has jumped forward, until an operator confirms it: nothing is written to the ledger.", nil, nil)
	backupAge      = prometheus.NewDesc("taocan_backup_age_seconds", "Age of the newest file in the setting backup-folder; missing where that names none.", nil, nil)
	reservedOpen   = prometheus.NewDesc("taocan_reservations_open", "Reservations that are not settled yet.", nil, nil)
	deliveryTries  = prometheus.NewDesc("taocan_delivery_tries_total", "Tries to deliver a notice, by kind of channel and outcome: delivered, pending (it comes again), failed (given up).", []string{"kind", "outcome"}, nil)
	deliveriesDue  = prometheus.NewDesc("taocan_deliveries_due", "Deliveries whose next try is due, at the last look.", nil, nil)
	deliveryLate   = prometheus.NewDesc("taocan_delivery_late_seconds", "How long the delivery that is longest due has waited, at the last look.", nil, nil)
	debitIDsInMind = prometheus.NewDesc("taocan_debit_ids", "Ids in the index in memory.", nil, nil)
)

func (c machineCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{buildInfo, databaseBytes, diskFreeBytes, clockTrusted, backupAge, reservedOpen, debitIDsInMind, deliveryTries, deliveriesDue, deliveryLate} {
		ch <- d
	}
}

func (c machineCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	version := c.s.version
	if version == "" {
		version = "unknown"
	}
	gauge(buildInfo, 1, version, runtime.Version())
	for label, file := range c.s.database.files {
		if info, err := os.Stat(file); err == nil {
			gauge(databaseBytes, float64(info.Size()), label)
		}
	}
	if free, err := DiskFree(c.s.settings.Data); err == nil {
		gauge(diskFreeBytes, float64(free))
	}
	trusted := 1.0
	if jump := (*clock.JumpError)(nil); errors.As(c.s.Store.CheckWrites(), &jump) {
		trusted = 0
	}
	gauge(clockTrusted, trusted)
	if newest, err := NewestFile(c.s.settings.BackupFolder); err == nil {
		gauge(backupAge, c.s.clock.Now().Sub(newest).Seconds())
	}
	open, known := c.s.database.remembered()
	gauge(reservedOpen, float64(open))
	gauge(debitIDsInMind, float64(known))
	sent := c.s.Deliveries.Stats()
	for _, kind := range taocan.ChannelKinds { // all of them, so that a rate has its zero to rise from
		for _, outcome := range []taocan.DeliveryState{taocan.DeliveryDelivered, taocan.DeliveryPending, taocan.DeliveryFailed} {
			n := sent.Tries[delivery.Try{Kind: kind, Outcome: outcome}]
			ch <- prometheus.MustNewConstMetric(deliveryTries, prometheus.CounterValue, float64(n), string(kind), string(outcome))
		}
	}
	gauge(deliveriesDue, float64(sent.Due))
	gauge(deliveryLate, sent.Late.Seconds())
}

// DiskFree is what the file system of a folder has left for this process, in bytes.
func DiskFree(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec // a block has no negative size
}

// NewestFile is when the youngest file of a folder was last written; fs.ErrNotExist where there is none.
func NewestFile(dir string) (newest time.Time, err error) {
	if dir == "" {
		return newest, fs.ErrNotExist
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return newest, err
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	if newest.IsZero() {
		return newest, &fs.PathError{Op: "find a backup in", Path: dir, Err: fs.ErrNotExist}
	}
	return newest, nil
}
