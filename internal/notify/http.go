package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"taocan/internal/delivery"
	"taocan/internal/taocan"
)

// Bounds of an answer.
const (
	maxAnswerBytes = 64 << 10
	maxShownBytes  = 200
)

// post sends JSON and reads the beginning of the answer.
func (s *Sender) post(ctx context.Context, m delivery.Message, address string, body []byte, header http.Header) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, errors.New("the address is not understood") // the cause would show it
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "taocan")
	client := s.https
	if req.URL.Scheme != "https" {
		client = s.plain
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, readable(err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes))
	if err != nil {
		return resp.StatusCode, nil, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		// Keys are taken out before the answer is cut: half a key would not be known for one.
		return resp.StatusCode, nil, refused(resp.StatusCode, []byte(s.redact(string(answer), m)))
	}
	return resp.StatusCode, answer, nil
}

// readable says why there is no answer, in words for the owner of a channel: without the URL, which may hold a key, without
// the machine's own name server, which is nobody's business, and without what Go calls a step.
func readable(err error) error {
	var wrapped *url.Error // it repeats the URL
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if refused := (*notAllowedError)(nil); errors.As(err, &refused) {
		return refused
	}
	if lookup := (*net.DNSError)(nil); errors.As(err, &lookup) {
		if lookup.IsNotFound {
			return fmt.Errorf("%s: no such host", lookup.Name)
		}
		return fmt.Errorf("%s: the name could not be looked up", lookup.Name)
	}
	op := (*net.OpError)(nil)
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the receiver closed the connection without an answer")
	case !errors.As(err, &op) || op.Addr == nil:
		return err
	case op.Op != "dial":
		return fmt.Errorf("the connection to %s was lost: %w", op.Addr, cause(op))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s refused the connection", op.Addr)
	}
	return fmt.Errorf("%s cannot be reached: %w", op.Addr, cause(op))
}

// cause is what the operating system said.
func cause(op *net.OpError) error {
	if call := (*os.SyscallError)(nil); errors.As(op.Err, &call) {
		return call.Err
	}
	return op.Err
}

// refused tells a status with the beginning of the answer.
func refused(status int, answer []byte) error {
	what := strconv.Itoa(status)
	if status/100 == 3 {
		what += ", a redirect, which is not followed"
	}
	if shown := short(answer); shown != "" {
		return fmt.Errorf("the receiver answered %s: %s", what, shown)
	}
	return fmt.Errorf("the receiver answered %s", what)
}

// short is what of an answer may be kept.
func short(answer []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(answer[:min(len(answer), maxShownBytes)]), "")), " ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
}

// event is the body of a webhook.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      eventData `json:"data"`
}

type eventData struct {
	Project     taocan.ProjectID   `json:"project"`
	ProjectName string             `json:"project_name"`
	Notice      taocan.NoticeID    `json:"notice"`
	Rule        taocan.AlertID     `json:"rule,omitempty"`
	Facts       taocan.NoticeFacts `json:"facts"`
	Text        string             `json:"text"`
	Link        string             `json:"link,omitempty"`
}

// webhook sends an event as Standard Webhooks 1.0.
func (s *Sender) webhook(ctx context.Context, m delivery.Message) (int, error) {
	body, err := json.Marshal(event{"alert." + string(m.Notice.Event), m.Notice.At.In(s.cfg.Zone), eventData{
		m.Notice.Project, m.ProjectName, m.Notice.ID, m.Notice.Rule, m.Notice.Facts, s.text(m).body, s.link(),
	}})
	if err != nil {
		return 0, err
	}
	header := http.Header{}
	at := strconv.FormatInt(m.At.Unix(), 10)
	var signatures []string
	for _, key := range m.To.Keys(m.At) {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
		if err != nil || len(secret) == 0 {
			return 0, errors.New("the channel has no usable secret; rotate it")
		}
		signatures = append(signatures, "v1,"+signed(secret, m.ID+"."+at+"."+string(body)))
	}
	header.Set("Webhook-Id", m.ID)
	header.Set("Webhook-Timestamp", at)
	header.Set("Webhook-Signature", strings.Join(signatures, " "))
	status, _, err := s.post(ctx, m, m.To.Address, body, header)
	return status, err
}

// signed is HMAC-SHA256 in base64.
func signed(key []byte, text string) string {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, text)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// robot sends a text as its vendor documents, and judges the answer by the code in it: they answer 200 to everything.
func (s *Sender) robot(ctx context.Context, m delivery.Message) (int, error) {
	address, body := m.To.Address, map[string]any{}
	t := s.text(m)
	content := t.subject + "\n" + t.body
	if m.Channel.Kind == taocan.Feishu {
		body["msg_type"], body["content"] = "text", map[string]string{"text": content}
		if m.To.Key != "" { // Feishu: the key is timestamp and secret, the message is empty
			at := strconv.FormatInt(m.At.Unix(), 10)
			body["timestamp"], body["sign"] = at, signed([]byte(at+"\n"+m.To.Key), "")
		}
	} else {
		body["msgtype"], body["text"] = "text", map[string]string{"content": content}
	}
	if m.Channel.Kind == taocan.DingTalk && m.To.Key != "" { // DingTalk: milliseconds
		u, err := url.Parse(address)
		if err != nil {
			return 0, errors.New("the address is not understood")
		}
		at := strconv.FormatInt(m.At.UnixMilli(), 10)
		q := u.Query()
		q.Set("timestamp", at)
		q.Set("sign", signed([]byte(m.To.Key), at+"\n"+m.To.Key))
		u.RawQuery = q.Encode()
		address = u.String()
	}
	b, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	status, answer, err := s.post(ctx, m, address, b, http.Header{})
	if err != nil {
		return status, err
	}
	return status, verdict(answer)
}

// verdict reads a robot's answer. DingTalk and WeCom say errcode, Feishu code, older robots of it StatusCode.
func verdict(answer []byte) error {
	var v struct {
		ErrCode    *int   `json:"errcode"`
		ErrMsg     string `json:"errmsg"`
		Code       *int   `json:"code"`
		Msg        string `json:"msg"`
		StatusCode *int   `json:"StatusCode"`
	}
	if err := json.Unmarshal(answer, &v); err != nil {
		return fmt.Errorf("the robot's answer is not understood: %s", short(answer))
	}
	for _, code := range []*int{v.ErrCode, v.Code, v.StatusCode} {
		if code != nil && *code != 0 {
			return fmt.Errorf("the robot answered code %d: %s", *code, short([]byte(v.ErrMsg+v.Msg)))
		}
	}
	if v.ErrCode == nil && v.Code == nil && v.StatusCode == nil {
		return fmt.Errorf("the robot's answer says no code: %s", short(answer))
	}
	return nil
}
