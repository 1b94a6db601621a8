package console

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"taocan/internal/console/view"
	"taocan/internal/delivery"
	"taocan/internal/store"
	"taocan/internal/taocan"
)

func (c *console) channelRoutes() {
	c.member("GET /channels", c.channels, taocan.ScopeRead)
	c.member("POST /channels", c.channelCreate, taocan.ScopeManage)
	c.member("GET /channels/{id}", c.channel, taocan.ScopeManage)
	c.member("POST /channels/{id}", c.channelUpdate, taocan.ScopeManage)
	c.member("POST /channels/test", c.channelTest, taocan.ScopeManage)
	c.member("POST /channels/rotate", c.channelRotate, taocan.ScopeManage)
	c.member("POST /channels/remove", c.channelRemove, taocan.ScopeManage)
	c.member("GET /deliveries", c.deliveries, taocan.ScopeRead)
}

func (c *console) channels(w http.ResponseWriter, r *http.Request) error {
	return c.showChannels(w, r, http.StatusOK, doneNotice(r, "channel"), view.OperatorForm{})
}

// showChannels draws the list; form is that of a new channel, as typed.
func (c *console) showChannels(w http.ResponseWriter, r *http.Request, status int, notice view.Notice, form view.OperatorForm) error {
	f, err := c.frame(r, "channel.title", "packages", "channels")
	if err != nil {
		return err
	}
	p := view.ChannelList{Notice: notice, Form: form, Mail: c.Mail}
	p.Form.Name = "channel"
	if p.Channels, err = c.Channels.List(r.Context(), actorOf(r).Tenant); err != nil {
		return err
	}
	return render(w, r, status, view.ChannelListPage(f, p))
}

// channelRequest reads a form. A field for a key that is left empty keeps the key that is there.
func channelRequest(form url.Values) delivery.Request {
	req := delivery.Request{Kind: taocan.ChannelKind(form.Get("kind")), Name: strings.TrimSpace(form.Get("name")), Address: strings.TrimSpace(form.Get("address")),
		Language: form.Get("language"), Enabled: form.Get("enabled") != ""}
	if key := strings.TrimSpace(form.Get("signing")); key != "" {
		req.Key = &key
	}
	return req
}

var channelRefusals = map[string]string{"body.kind": "channel.kind.invalid", "body.name": "channel.name.invalid", "body.address": "channel.address.invalid",
	"body.key": "channel.signing.invalid", "body.language": "channel.language.invalid", "body": "channel.too_many",
	"body.address|" + delivery.MessageTaken: "channel.address.taken"}

func (c *console) channelCreate(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	made, secret, err := c.Channels.Create(r.Context(), actorOf(r), channelRequest(r.PostForm))
	switch said := refusedFields(err, visitOf(r).lang, channelRefusals); {
	case err == nil && secret != "":
		return c.showChannelSecret(w, r, made, secret)
	case err == nil:
		return seeOther(w, r, "/channels?done=made")
	case said == nil:
		return err
	default:
		return c.showChannels(w, r, http.StatusUnprocessableEntity, view.Notice{}, view.OperatorForm{Values: r.PostForm, Errors: channelErrors(said)})
	}
}

// channelErrors puts what was said of the whole, and of the key, where the form shows it.
func channelErrors(said map[string]string) map[string]string {
	if text := said["body"]; text != "" {
		said[""] = text
	}
	if text := said["key"]; text != "" {
		said["signing"] = text
	}
	return said
}

// showChannelSecret shows a webhook's secret, this once.
func (c *console) showChannelSecret(w http.ResponseWriter, r *http.Request, ch delivery.Listed, secret string) error {
	f, err := c.frame(r, "channel.secret.title", "packages", "channels")
	if err != nil {
		return err
	}
	return render(w, r, http.StatusOK, view.ChannelSecretPage(f, ch, secret))
}

func (c *console) channel(w http.ResponseWriter, r *http.Request) error {
	return c.showChannel(w, r, http.StatusOK, view.OperatorForm{})
}

func (c *console) showChannel(w http.ResponseWriter, r *http.Request, status int, form view.OperatorForm) error {
	f, err := c.frame(r, "channel.change", "packages", "channels")
	if err != nil {
		return err
	}
	ch, err := c.Channels.Channel(r.Context(), actorOf(r).Tenant, taocan.ChannelID(r.PathValue("id")))
	if err != nil {
		return err
	}
	form.Name = "channel"
	return render(w, r, status, view.ChannelPage(f, ch, form))
}

func (c *console) channelUpdate(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	req := channelRequest(r.PostForm)
	req.Kind = ""
	_, err := c.Channels.Update(r.Context(), actorOf(r), taocan.ChannelID(r.PathValue("id")), req)
	if err == nil {
		return seeOther(w, r, "/channels?done=saved")
	}
	said := refusedFields(err, visitOf(r).lang, channelRefusals)
	if said == nil {
		return err
	}
	return c.showChannel(w, r, http.StatusUnprocessableEntity, view.OperatorForm{Values: r.PostForm, Errors: channelErrors(said)})
}

// channelTest sends a test. What became of it stands in the log of deliveries.
func (c *console) channelTest(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	_, err := c.Channels.Test(r.Context(), actorOf(r), taocan.ChannelID(r.PostForm.Get("channel")))
	text := ""
	switch {
	case err == nil:
		return seeOther(w, r, "/deliveries?done=test")
	case errors.Is(err, taocan.ErrInvalid):
		text = "channel.test.disabled"
	case errors.Is(err, taocan.ErrRateLimited):
		text = "channel.test.waiting"
	default:
		return err
	}
	return c.showChannels(w, r, http.StatusConflict, view.Notice{Kind: "error", Text: visitOf(r).lang.Text(text)}, view.OperatorForm{})
}

func (c *console) channelRotate(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	ch, secret, err := c.Channels.RotateSecret(r.Context(), actorOf(r), taocan.ChannelID(r.PostForm.Get("channel")))
	if err != nil {
		return err
	}
	return c.showChannelSecret(w, r, ch, secret)
}

func (c *console) channelRemove(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	if err := c.Channels.Delete(r.Context(), actorOf(r), taocan.ChannelID(r.PostForm.Get("channel"))); err != nil {
		return err
	}
	return seeOther(w, r, "/channels?done=removed")
}

// deliveryLines is how many deliveries a page lists.
const deliveryLines = 50

func (c *console) deliveries(w http.ResponseWriter, r *http.Request) error {
	f, err := c.frame(r, "delivery.title", "packages", "deliveries")
	if err != nil {
		return err
	}
	query := r.URL.Query()
	p := view.DeliveryList{Notice: doneNotice(r, "delivery"), Channel: query.Get("channel"), State: query.Get("state"), Cursor: query.Get("cursor")}
	if p.Channels, err = c.Channels.List(r.Context(), actorOf(r).Tenant); err != nil {
		return err
	}
	page, err := c.Channels.Deliveries(r.Context(), actorOf(r).Tenant, store.DeliveryFilter{Channel: taocan.ChannelID(p.Channel),
		State: taocan.DeliveryState(p.State), Paging: store.Paging{Limit: deliveryLines, Cursor: p.Cursor}})
	if err != nil {
		return err
	}
	p.Deliveries, p.Next = page.Items, page.Next
	return render(w, r, http.StatusOK, view.DeliveryListPage(f, p))
}
