package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"taocan/internal/delivery"
	"taocan/internal/edge"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

// Channel is where a project's notices go.
type Channel struct {
	ID         string    `json:"id" example:"ch_Vd0xY2hhbm5lbA"`
	Kind       string    `json:"kind" enum:"email,webhook,dingtalk,wecom,feishu"`
	Name       string    `json:"name"`
	Address    string    `json:"address" doc:"As it may be shown: of a webhook without its query, of a robot its host and last 4 characters"`
	Language   string    `json:"language" enum:"zh,en"`
	Enabled    bool      `json:"enabled"`
	Signed     bool      `json:"signed" doc:"What it is sent is signed"`
	KeyMissing bool      `json:"key_missing" doc:"The platform's key that sealed its secrets is lost: give its address, and key, anew"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Channels are all of a project's.
type Channels struct {
	Channels []Channel `json:"channels"`
}

// ChannelSecret is a webhook's channel with its secret.
type ChannelSecret struct {
	Channel
	Secret *string `json:"secret" example:"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" doc:"Of a webhook, shown this once: it verifies signatures. null for other kinds"`
}

// ChannelRequest says what a channel is to be.
type ChannelRequest struct {
	Kind     string  `json:"kind" enum:"email,webhook,dingtalk,wecom,feishu"`
	Name     string  `json:"name" example:"Duty" doc:"One line of 1–100 bytes"`
	Address  string  `json:"address" example:"https://example.com/hook" doc:"An e-mail address, or the whole URL of a webhook or robot"`
	Key      *string `json:"key,omitempty" doc:"What a DingTalk or Feishu robot that checks signatures was given"`
	Language string  `json:"language" enum:"zh,en"`
	Enabled  *bool   `json:"enabled,omitempty" doc:"Default true"`
}

func (r ChannelRequest) request() delivery.Request {
	return delivery.Request{Kind: taocan.ChannelKind(r.Kind), Name: r.Name, Address: r.Address, Key: r.Key, Language: r.Language, Enabled: r.Enabled == nil || *r.Enabled}
}

// ChannelChange says what a channel is to be from now on. Its kind stays.
type ChannelChange struct {
	Name     string  `json:"name" doc:"One line of 1–100 bytes"`
	Address  string  `json:"address,omitempty" doc:"Left out: as it is"`
	Key      *string `json:"key,omitempty" doc:"Left out: as it is. Empty: the robot checks no signatures"`
	Language string  `json:"language" enum:"zh,en"`
	Enabled  bool    `json:"enabled"`
}

// Sent names a notice that is on its way.
type Sent struct {
	Notice string `json:"notice" example:"nt_T25lIG5vdGljZSBpZA"`
}

// NoticeFacts is what a notice is about. What does not apply is left out.
type NoticeFacts taocan.NoticeFacts

// Notice is something that the project is told.
type Notice struct {
	ID         string      `json:"id"`
	At         time.Time   `json:"at"`
	Event      string      `json:"event" enum:"low,reminder,recovered,usage,usage_limit,expiring,runs_out,unused,top_up,top_up_failed,test"`
	Rule       *string     `json:"rule" doc:"null: of no alert rule"`
	Facts      NoticeFacts `json:"facts"`
	Deliveries int         `json:"deliveries" doc:"To how many channels it goes"`
	State      string      `json:"state" enum:"waiting,sent,nobody" doc:"waiting: its deliveries are yet to be made. nobody: there was no enabled channel"`
}

// Delivery is a notice to one channel.
type Delivery struct {
	Notice    string     `json:"notice"`
	Channel   string     `json:"channel" doc:"May since have been removed"`
	Event     string     `json:"event" enum:"low,reminder,recovered,usage,usage_limit,expiring,runs_out,unused,top_up,top_up_failed,test"`
	Rule      *string    `json:"rule"`
	State     string     `json:"state" enum:"pending,delivered,failed" doc:"failed: given up"`
	CreatedAt time.Time  `json:"created_at"`
	Attempts  int        `json:"attempts"`
	TriedAt   *time.Time `json:"tried_at"`
	NextAt    *time.Time `json:"next_at" doc:"pending: the next try"`
	Status    *int       `json:"status" doc:"Of the last answer over HTTP; null: there was none"`
	Error     *string    `json:"error" doc:"Why the last try failed"`
}

// InChannel is the path of a channel, or of an alert rule.
type InChannel struct {
	InProject
	ID string `path:"id"`
}

func (a *api) channelRoutes() {
	base, read, manage := "/v1/projects/{project}/alerts", holding(taocan.ScopeRead), holding(taocan.ScopeManage)
	op := func(method, path, id, summary, description string, status int) huma.Operation {
		return huma.Operation{Method: method, Path: base + path, OperationID: id, Tags: []string{"alerts"}, Summary: summary, Description: description, DefaultStatus: status}
	}
	const owners = "Of a signed-in member it takes the role owner."
	add(a, read, op(http.MethodGet, "/channels", "list-channels", "Where notices go", "", 0), a.channels)
	add(a, manage, op(http.MethodPost, "/channels", "create-channel", "Add a channel",
		"A project has at most 20. A webhook's secret is in the answer, this once. "+owners, http.StatusCreated), a.createChannel)
	add(a, read, op(http.MethodGet, "/channels/{id}", "get-channel", "One channel", "", 0), a.channel)
	add(a, manage, op(http.MethodPut, "/channels/{id}", "set-channel", "Change a channel", owners, 0), a.setChannel)
	add(a, manage, op(http.MethodDelete, "/channels/{id}", "delete-channel", "Remove a channel", "What was on its way to it fails. "+owners,
		http.StatusNoContent), a.deleteChannel)
	add(a, manage, op(http.MethodPost, "/channels/{id}/rotate-secret", "rotate-channel-secret", "Give a webhook a new secret",
		"It is in the answer, this once. For 24 hours messages carry two signatures, by the new secret and the old one. "+owners, 0), a.rotateChannelSecret)
	add(a, manage, op(http.MethodPost, "/channels/{id}/test", "test-channel", "Send a test to a channel",
		"It travels like any notice: its delivery is in the log. "+owners, http.StatusAccepted), a.testChannel)
	add(a, manage, op(http.MethodPost, "/{id}/test", "test-alert", "Send a test to those whom a rule tells", owners, http.StatusAccepted), a.testAlert)
	add(a, read, op(http.MethodGet, "/notices", "list-notices", "What the project was told, newest first", "Kept for 180 days.", 0), a.notices)
	add(a, read, op(http.MethodGet, "/deliveries", "list-deliveries", "What went to whom, newest first", "Kept for 180 days.", 0), a.deliveries)
	add(a, operators, huma.Operation{Method: http.MethodPost, Path: "/v1/operator/master-key/rotate", OperationID: "rotate-master-key", Tags: []string{"operator"},
		Summary: "Seal all channels' secrets with a new master key"}, a.rotateKey)
}

func (a *api) channels(ctx context.Context, _ *InProject) (*out[Channels], error) {
	list, err := a.Channels.List(ctx, edge.ActorOf(ctx).Tenant)
	if err != nil {
		return nil, err
	}
	return answer(Channels{converted(list, a.toChannel)}), nil
}

func (a *api) createChannel(ctx context.Context, in *struct {
	InProject
	Body ChannelRequest
}) (*out[ChannelSecret], error) {
	made, secret, err := a.Channels.Create(ctx, edge.ActorOf(ctx), in.Body.request())
	if err != nil {
		return nil, err
	}
	return answer(ChannelSecret{a.toChannel(made), orNull(secret)}), nil
}

func (a *api) channel(ctx context.Context, in *InChannel) (*out[Channel], error) {
	c, err := a.Channels.Channel(ctx, edge.ActorOf(ctx).Tenant, taocan.ChannelID(in.ID))
	if err != nil {
		return nil, err
	}
	return answer(a.toChannel(c)), nil
}

func (a *api) setChannel(ctx context.Context, in *struct {
	InChannel
	Body ChannelChange
}) (*out[Channel], error) {
	c, err := a.Channels.Update(ctx, edge.ActorOf(ctx), taocan.ChannelID(in.ID),
		delivery.Request{Name: in.Body.Name, Address: in.Body.Address, Key: in.Body.Key, Language: in.Body.Language, Enabled: in.Body.Enabled})
	if err != nil {
		return nil, err
	}
	return answer(a.toChannel(c)), nil
}

func (a *api) deleteChannel(ctx context.Context, in *InChannel) (*struct{}, error) {
	return nil, a.Channels.Delete(ctx, edge.ActorOf(ctx), taocan.ChannelID(in.ID))
}

func (a *api) rotateChannelSecret(ctx context.Context, in *InChannel) (*out[ChannelSecret], error) {
	c, secret, err := a.Channels.RotateSecret(ctx, edge.ActorOf(ctx), taocan.ChannelID(in.ID))
	if err != nil {
		return nil, err
	}
	return answer(ChannelSecret{a.toChannel(c), orNull(secret)}), nil
}

func (a *api) testChannel(ctx context.Context, in *InChannel) (*out[Sent], error) {
	id, err := a.Channels.Test(ctx, edge.ActorOf(ctx), taocan.ChannelID(in.ID))
	if err != nil {
		return nil, err
	}
	return answer(Sent{string(id)}), nil
}

func (a *api) testAlert(ctx context.Context, in *InChannel) (*out[Sent], error) {
	id, err := a.Channels.TestRule(ctx, edge.ActorOf(ctx), taocan.AlertID(in.ID))
	if err != nil {
		return nil, err
	}
	return answer(Sent{string(id)}), nil
}

func (a *api) notices(ctx context.Context, in *struct {
	InProject
	Paging
	Rule string `query:"rule" doc:"Only of this alert rule"`
}) (*out[List[Notice]], error) {
	return list(in.Paging, func(p store.Paging) (store.Page[store.NoticeRow], error) {
		return a.Channels.Notices(ctx, edge.ActorOf(ctx).Tenant, store.NoticeFilter{Rule: taocan.AlertID(in.Rule), Paging: p})
	}, a.toNotice)
}

func (a *api) deliveries(ctx context.Context, in *struct {
	InProject
	Paging
	Channel string `query:"channel" doc:"Only to this channel"`
	State   string `query:"state" enum:"pending,delivered,failed"`
	Rule    string `query:"rule" doc:"Only of this alert rule"`
}) (*out[List[Delivery]], error) {
	return list(in.Paging, func(p store.Paging) (store.Page[store.DeliveryRow], error) {
		return a.Channels.Deliveries(ctx, edge.ActorOf(ctx).Tenant, store.DeliveryFilter{Channel: taocan.ChannelID(in.Channel),
			State: taocan.DeliveryState(in.State), Rule: taocan.AlertID(in.Rule), Paging: p})
	}, a.toDelivery)
}

// KeyRotationRequest asks for a new master key.
type KeyRotationRequest struct {
	DropOld bool `json:"drop_old,omitempty" doc:"Forget the other keys afterwards: older backups need a copy of the old key file then"`
}

// KeyRotation says what became of it.
type KeyRotation struct {
	Resealed int `json:"resealed" doc:"Channels whose secrets are sealed with the new key now"`
	Missing  int `json:"missing" doc:"Channels whose secrets are lost, since the key file has no longer the key that sealed them"`
	Keys     int `json:"keys" doc:"In the key file now"`
}

func (a *api) rotateKey(ctx context.Context, in *struct{ Body KeyRotationRequest }) (*out[KeyRotation], error) {
	done, err := a.Channels.RotateKey(ctx, edge.ActorOf(ctx), in.Body.DropOld)
	if err != nil {
		return nil, err
	}
	return answer(KeyRotation(done)), nil
}

func (a *api) toChannel(c delivery.Listed) Channel {
	return Channel{ID: string(c.ID), Kind: string(c.Kind), Name: c.Name, Address: c.Address, Language: c.Language, Enabled: c.Enabled, Signed: c.Signed,
		KeyMissing: c.KeyMissing, CreatedAt: a.local(c.CreatedAt), UpdatedAt: a.local(c.UpdatedAt)}
}

func (a *api) toNotice(n store.NoticeRow) Notice {
	state := "sent"
	switch {
	case !n.Spread:
		state = "waiting"
	case n.Deliveries == 0:
		state = "nobody"
	}
	return Notice{ID: string(n.ID), At: a.local(n.At), Event: string(n.Event), Rule: orNull(n.Rule), Facts: NoticeFacts(n.Facts), Deliveries: n.Deliveries, State: state}
}

func (a *api) toDelivery(d store.DeliveryRow) Delivery {
	x := Delivery{Notice: string(d.Notice), Channel: string(d.Channel), Event: string(d.Event), Rule: orNull(d.Rule), State: string(d.State),
		CreatedAt: a.local(d.CreatedAt), Attempts: d.Attempts, TriedAt: a.localOrNil(d.TriedAt), Error: orNull(d.Error)}
	if d.State == taocan.DeliveryPending {
		x.NextAt = a.localOrNil(d.NextAt)
	}
	if d.Status != 0 {
		x.Status = &d.Status
	}
	return x
}
