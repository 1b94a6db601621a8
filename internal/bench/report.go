package bench

import (
	"fmt"
	"time"
)

// reportFormat rises when a name in the report changes its meaning or goes away. 2: memory over HTTP is the server's alone, no
// longer the generator's, too.
const reportFormat = 2

// Report is everything that was measured. Its JSON names are stable.
type Report struct {
	Format     int        `json:"format"`
	StartedAt  time.Time  `json:"started_at"`
	TookS      float64    `json:"took_s"`
	Command    []string   `json:"command,omitempty"`
	Warnings   []string   `json:"warnings,omitempty"` // why figures say less than they seem to
	Machine    Machine    `json:"machine"`
	Database   About      `json:"database"`
	Conditions Conditions `json:"conditions"`
	FsyncMS    Spread     `json:"fsync_ms"` // over all probes
	Cases      []*Case    `json:"cases"`
	Verified   Verified   `json:"verified"`
}

// Conditions are what all cases share.
type Conditions struct {
	Store              string  `json:"store"`
	Runs               int     `json:"runs"`
	DurationS          float64 `json:"duration_s"`
	WarmupS            float64 `json:"warmup_s"`
	PackagesPerProject int     `json:"packages_per_project"`
	IDBytes            int     `json:"id_bytes"`
	QuantityPerDebit   int     `json:"quantity_per_debit"`
	Seed               uint64  `json:"seed"`
}

// Verified is what the proofs of all databases came to.
type Verified struct {
	OK        bool     `json:"ok"`
	Databases int      `json:"databases"`
	Debits    int64    `json:"debits"`
	TookS     float64  `json:"took_s"`
	Findings  []string `json:"findings"`
	Skipped   []string `json:"skipped"` // cases whose databases hold too many debits
}

// brief says what progress shows of a run.
func brief(f Figures) string {
	rate, ok := f[DebitsPerS]
	if !ok {
		rate = f[GeneratorOnly]
	}
	text := fmt.Sprintf("%s debits/s", thousands(rate))
	if p99, ok := f[P99]; ok {
		text += fmt.Sprintf(", p99 %s ms", figure(p99))
	}
	return text
}
