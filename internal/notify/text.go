package notify

import (
	"fmt"
	"strings"

	"taocan/internal/delivery"
	"taocan/internal/i18n"
	"taocan/internal/taocan"
)

// text is what people read.
type text struct{ subject, body string }

// words of one language. What a text takes stands beside it.
type words struct {
	lang          i18n.Lang
	product       string
	domestic      map[taocan.Purpose]string
	inland        string
	abroad        string
	inCountry     string // country
	subject       string // product, project, headline
	at            string // time
	link          string
	unit          map[taocan.AlertUnit]string   // number
	headline      map[taocan.NoticeEvent]string // target
	nothingTarget string
}

var chinese = words{
	lang: i18n.Chinese, product: "短信服务",
	domestic: map[taocan.Purpose]string{taocan.Verification: "国内验证通知", taocan.Marketing: "国内会员营销", taocan.General: "国内通用"},
	inland:   "国内", abroad: "国际", inCountry: "国际 %s", subject: "【%s】%s:%s", at: "时间:%s", link: "查看:%s",
	unit: map[taocan.AlertUnit]string{taocan.InMessages: "%s 条", taocan.InPercent: "%s%%", taocan.InDays: "%s 天用量"},
	headline: map[taocan.NoticeEvent]string{
		taocan.NoticeLow: "%s余量不足", taocan.NoticeReminder: "%s余量仍然不足", taocan.NoticeRecovered: "%s余量已恢复", taocan.NoticeUsage: "%s用量超过告警值",
		taocan.NoticeLimit: "%s用量超过限额预警值", taocan.NoticeExpiring: "%s套餐包即将到期", taocan.NoticeRunsOut: "%s预计即将用尽",
		taocan.NoticeUnused: "%s套餐包到期时预计有剩余", taocan.NoticeTopUp: "%s已自动购买", taocan.NoticeTopUpFailed: "%s自动购买失败", taocan.NoticeTest: "告警测试",
	},
	nothingTarget: "短信",
}

var english = words{
	lang: i18n.English, product: "SMS Service",
	domestic: map[taocan.Purpose]string{taocan.Verification: "Domestic verification", taocan.Marketing: "Domestic marketing", taocan.General: "Domestic general"},
	inland:   "Domestic", abroad: "International", inCountry: "International %s", subject: "[%s] %s: %s", at: "Time: %s", link: "See: %s",
	unit: map[taocan.AlertUnit]string{taocan.InMessages: "%s messages", taocan.InPercent: "%s%%", taocan.InDays: "%s days of use"},
	headline: map[taocan.NoticeEvent]string{
		taocan.NoticeLow: "%s is low", taocan.NoticeReminder: "%s is still low", taocan.NoticeRecovered: "%s has recovered",
		taocan.NoticeUsage: "%s: use is above its alert", taocan.NoticeLimit: "%s: use is above the warning of its limit",
		taocan.NoticeExpiring: "%s: a package expires soon", taocan.NoticeRunsOut: "%s is forecast to run out",
		taocan.NoticeUnused: "%s: a package is forecast to expire with some left", taocan.NoticeTopUp: "%s was bought automatically",
		taocan.NoticeTopUpFailed: "%s could not be bought automatically", taocan.NoticeTest: "Test of alerts",
	},
	nothingTarget: "Messages",
}

func wordsOf(language string) words {
	if language == "en" {
		return english
	}
	return chinese
}

func (w words) target(f taocan.NoticeFacts) string {
	switch {
	case f.Category == "":
		return w.nothingTarget
	case f.Category == taocan.Domestic && w.domestic[f.Purpose] != "":
		return w.domestic[f.Purpose]
	case f.Category == taocan.Domestic: // a usage limit on all purposes
		return w.inland
	case f.Country != "":
		return fmt.Sprintf(w.inCountry, f.Country)
	}
	return w.abroad
}

func (w words) number(n taocan.Segments) string { return w.lang.Number(int64(n)) }

// level is a threshold in its unit; of percent and days also in messages.
func (w words) level(f taocan.NoticeFacts) string {
	shown := fmt.Sprintf(w.unit[taocan.InMessages], w.number(f.Threshold))
	if format := w.unit[f.Unit]; format != "" {
		shown = fmt.Sprintf(format, w.number(f.Threshold))
	}
	if f.Level > 0 && f.Unit != taocan.InMessages && f.Kind == taocan.AlertRemaining {
		shown += " = " + fmt.Sprintf(w.unit[taocan.InMessages], w.number(f.Level))
	}
	return shown
}

// lines say what happened, in one sentence each.
func (w words) lines(n taocan.Notice) (all []string) {
	f, en := n.Facts, w.lang == i18n.English
	say := func(inChinese, inEnglish string, args ...any) {
		if en {
			inChinese = inEnglish
		}
		all = append(all, fmt.Sprintf(inChinese, args...))
	}
	left := w.number(f.Remaining)
	switch n.Event {
	case taocan.NoticeLow:
		say("剩余 %s 条,低于告警值 %s。", "%s left, below the level of %s.", left, w.level(f))
	case taocan.NoticeReminder:
		say("剩余 %s 条,仍低于告警值 %s(第 %d 次提醒)。", "%s left, still below the level of %s (reminder %d).", left, w.level(f), f.Nth)
	case taocan.NoticeRecovered:
		say("剩余 %s 条,不再低于告警值 %s。", "%s left, no longer below the level of %s.", left, w.level(f))
	case taocan.NoticeUsage, taocan.NoticeLimit:
		say("%s 已用 %s 条,超过 %s 条。", "%s: %s used, above %s.", f.Period, w.number(f.Taken), w.number(f.Threshold))
	case taocan.NoticeExpiring:
		say("套餐包 %s 将于 %s 到期(%d 天后),尚有 %s 条未使用。", "Package %s expires on %s (in %d days) with %s left.", f.Package, f.On, f.Days, w.number(f.Quantity))
	case taocan.NoticeRunsOut:
		say("按近期用量,剩余 %s 条预计于 %s 用尽(%d 天后)。", "At recent use the %s left run out on %s (in %d days).", left, f.On, f.Days)
	case taocan.NoticeUnused:
		say("按近期用量,套餐包 %s 于 %s 到期时(%d 天后)预计有 %s 条未使用。", "At recent use package %s expires on %s (in %d days) with %s unused.",
			f.Package, f.On, f.Days, w.number(f.Quantity))
	case taocan.NoticeTopUp:
		say("已购买 %s 条,金额 %s 元,订单 %s。", "Bought %s for %s yuan, order %s.", w.number(f.Quantity), f.Amount, f.Order)
	case taocan.NoticeTopUpFailed:
		say("购买 %s 条失败:%s。剩余 %s 条。", "Buying %s failed: %s. %s left.", w.number(f.Quantity), f.Reason, left)
	case taocan.NoticeTest:
		say("这是一条测试消息,通知渠道工作正常。", "This is a test: the channel works.")
	}
	return all
}

// text of a message in its channel's language.
func (s *Sender) text(m delivery.Message) text {
	w := wordsOf(m.Channel.Language)
	product := s.cfg.Product
	if product == "" {
		product = w.product
	}
	project := m.ProjectName
	if project == "" {
		project = string(m.Notice.Project)
	}
	headline := w.headline[m.Notice.Event]
	if strings.Contains(headline, "%s") {
		headline = fmt.Sprintf(headline, w.target(m.Notice.Facts))
	}
	lines := append([]string{headline}, w.lines(m.Notice)...)
	lines = append(lines, fmt.Sprintf(w.at, m.Notice.At.In(s.cfg.Zone).Format("2006-01-02 15:04:05")))
	if link := s.link(); link != "" {
		lines = append(lines, fmt.Sprintf(w.link, link))
	}
	return text{fmt.Sprintf(w.subject, product, project, headline), strings.Join(lines, "\n")}
}

// link leads to the console's page of alerts.
func (s *Sender) link() string {
	if s.cfg.ConsoleURL == "" {
		return ""
	}
	return strings.TrimSuffix(s.cfg.ConsoleURL, "/") + "/alerts"
}
