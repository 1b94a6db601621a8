// Package upgrade opens a database of every schema that stood in a release or on the main line, made and filled by the binary of its
// time, with today's code. The chain of commits must still prove, every figure must be what it was, ids that were answered must
// be answered the same, and the database must go on working.
//
// testdata holds the databases, compressed, and the facts about each. Schema 2 has none: it arrived in one change with
// schema 3. test/upgrade/fixture makes the next one; a release that brings a schema without a fixture fails the suite.
package upgrade

import "time"

// Facts are what must stay true of a fixture. The JSON names are those of the API and of taocan verify.
type Facts struct {
	Schema   int64          `json:"schema"`
	At       time.Time      `json:"at"` // soon after its last commit
	Verify   Verified       `json:"verify"`
	Wallet   map[string]any `json:"wallet"`
	Packages []Package      `json:"packages"` // of project demo
	Debits   []Debit        `json:"debits"`   // of project demo, domestic
}

// Verified is what the old binary's verify counted.
type Verified struct {
	Head    string `json:"head"`
	Checked struct {
		Commits  int64 `json:"commits"`
		Debits   int64 `json:"debits"`
		Entries  int64 `json:"entries"`
		Packages int64 `json:"packages"`
		Orders   int64 `json:"orders"`
		Wallets  int64 `json:"wallets"`
	} `json:"checked"`
}

// Package is a package's figures.
type Package struct {
	Number    string `json:"number"`
	Total     int64  `json:"total"`
	Remaining int64  `json:"remaining"`
	Reserved  int64  `json:"reserved"`
	Used      int64  `json:"used"`
}

// Debit is a debit or reservation that was answered.
type Debit struct {
	ID          string `json:"id"`
	Quantity    int64  `json:"quantity"`
	Purpose     string `json:"purpose"`
	Reservation bool   `json:"reservation,omitempty"`
}
