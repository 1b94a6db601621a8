package taocan

import "time"

// ChannelID names a channel.
type ChannelID string

// ChannelKind is how a channel is reached.
type ChannelKind string

// The kinds.
const (
	Email    ChannelKind = "email"
	Webhook  ChannelKind = "webhook" // signed as Standard Webhooks
	DingTalk ChannelKind = "dingtalk"
	WeCom    ChannelKind = "wecom"
	Feishu   ChannelKind = "feishu"
)

// ChannelKinds lists the kinds in the order of pages.
var ChannelKinds = []ChannelKind{Email, Webhook, DingTalk, WeCom, Feishu}

// Channel is where a project's notices go.
type Channel struct {
	Tenant
	ID        ChannelID
	Kind      ChannelKind
	Name      string
	Address   string // as it may be shown: an e-mail address, a webhook's address, a robot's address without its key
	Sealed    []byte // ChannelSecrets, encrypted
	Language  string // of what it is sent: zh or en
	Enabled   bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// NoticeID names a notice.
type NoticeID string

// NoticeEvent says what happened.
type NoticeEvent string

// The events.
const (
	NoticeLow         NoticeEvent = "low"           // what is left fell below a rule's level
	NoticeReminder    NoticeEvent = "reminder"      // and still is
	NoticeRecovered   NoticeEvent = "recovered"     // and is no longer
	NoticeUsage       NoticeEvent = "usage"         // use rose above a rule's threshold
	NoticeLimit       NoticeEvent = "usage_limit"   // use rose above the warning of a usage limit
	NoticeExpiring    NoticeEvent = "expiring"      // a package expires soon with something left
	NoticeRunsOut     NoticeEvent = "runs_out"      // a forecast: what is left runs out soon
	NoticeUnused      NoticeEvent = "unused"        // a forecast: a package will expire unused
	NoticeTopUp       NoticeEvent = "top_up"        // automatic top-up has bought
	NoticeTopUpFailed NoticeEvent = "top_up_failed" // automatic top-up could not buy
	NoticeTest        NoticeEvent = "test"
)

// NoticeFacts is what a notice is about. Those that do not apply are zero.
type NoticeFacts struct {
	Category  Category      `json:"category,omitempty"`
	Purpose   Purpose       `json:"purpose,omitempty"`
	Country   Country       `json:"country,omitempty"`
	Kind      AlertKind     `json:"kind,omitempty"`
	Unit      AlertUnit     `json:"unit,omitempty"`
	Threshold Segments      `json:"threshold,omitempty"` // in Unit
	Level     Segments      `json:"level,omitempty"`     // in messages
	Remaining Segments      `json:"remaining"`           // left at that moment
	Taken     Segments      `json:"taken,omitempty"`     // usage: in the period
	Period    string        `json:"period,omitempty"`    // usage: the day or month
	Nth       int           `json:"nth,omitempty"`       // of a reminder, from 1
	Days      int           `json:"days,omitempty"`      // until On
	On        string        `json:"on,omitempty"`        // date: expiry, or the day that it runs out
	Package   PackageNumber `json:"package,omitempty"`
	Quantity  Segments      `json:"quantity,omitempty"` // lost, or bought
	Order     OrderID       `json:"order,omitempty"`
	Amount    string        `json:"amount,omitempty"` // yuan
	Reason    string        `json:"reason,omitempty"` // why a top-up failed: an error's code
}

// Notice is something that a project is told, once.
type Notice struct {
	Tenant
	ID       NoticeID
	At       time.Time
	Event    NoticeEvent
	Rule     AlertID     // empty: of no alert rule
	Channels []ChannelID // empty: all of the project's
	Facts    NoticeFacts
	// Unique keeps the same thing from being said twice: a second notice with it is dropped. Empty: no such care.
	Unique string
}

// DeliveryState of a delivery.
type DeliveryState string

// The states.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed" // given up
)

// Delivery is one notice to one channel.
type Delivery struct {
	Tenant
	Notice    NoticeID
	Channel   ChannelID
	State     DeliveryState
	CreatedAt time.Time
	NextAt    time.Time // the next try; while one is under way, when its lease ends
	Attempts  int
	Status    int    // of the last answer, 0: none
	Error     string // why the last try failed; never a secret
	TriedAt   time.Time
}
