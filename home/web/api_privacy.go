package web

import (
	"context"
	"net/http"

	"porchlight/home/notify"
	"porchlight/home/send"
	"porchlight/internal/problem"
	"porchlight/internal/push"
	"porchlight/internal/smtp"
	"porchlight/web/i18n"
)

// PrivacyView is what this house does and what leaves it.
type PrivacyView struct {
	Exchange string         `json:"exchange" doc:"Address of the exchange; empty: none is set up."`
	Ask      bool           `json:"ask" doc:"The feed of requests is read."`
	Pets     bool           `json:"pets" doc:"The feed of lost animals is read."`
	Faces    bool           `json:"faces" doc:"Faces of people who agreed are recognized, in the house."`
	Seeing   bool           `json:"seeing" doc:"Networks on this computer look at the footage."`
	Shared   int            `json:"shared" doc:"Answers that were sent, and not destroyed since."`
	Told     int            `json:"told" doc:"Cameras in registers of agencies."`
	Mail     []string       `json:"mail" doc:"Addresses that get mails."`
	Webhook  string         `json:"webhook" doc:"Of Home Assistant."`
	Relay    RelayView      `json:"relay"`
	Language string         `json:"language"`
	Muted    []notify.Topic `json:"muted"`
	PushKey  string         `json:"push_key" doc:"What a phone subscribes with."`
}

// RelayView is how mails are sent; its password is not told.
type RelayView struct {
	Host string `json:"host"`
	Port int    `json:"port" minimum:"0" maximum:"65535"`
	User string `json:"user"`
	From string `json:"from"`
	TLS  string `json:"tls" enum:",starttls,tls,none"`
}

// SwitchBody turns a switch.
type SwitchBody struct {
	On bool `json:"on"`
}

// NoticesBody sets how the household is told. An empty password keeps the one
// there is while host and user stay.
type NoticesBody struct {
	Language string         `json:"language" enum:"en,es,nl"`
	Muted    []notify.Topic `json:"muted"`
	Mail     []string       `json:"mail" maxItems:"10"`
	Relay    RelayView      `json:"relay"`
	Password string         `json:"password,omitempty" maxLength:"200"`
	Webhook  string         `json:"webhook" maxLength:"500"`
}

// PhoneBody is a browser's push subscription.
type PhoneBody struct {
	Endpoint string `json:"endpoint" maxLength:"2000"`
	P256DH   string `json:"p256dh" maxLength:"200"`
	Auth     string `json:"auth" maxLength:"100"`
	Language string `json:"language" enum:"en,es,nl"`
}

func (s *Server) privacyRoutes() {
	route(s, paired, http.MethodGet, "/privacy", "privacy", "What this house does, and what leaves it", s.privacy)
	route(s, paired, http.MethodPost, "/switches/{name}", "turn", "Turn a switch",
		func(ctx context.Context, in *struct {
			Name string `path:"name" enum:"ask"`
			Body SwitchBody
		}) (*struct{}, error) {
			defer s.Changed("privacy")
			return nil, s.Switches.Set(ctx, in.Name, in.Body.On)
		})
	route(s, paired, http.MethodPost, "/notices", "setNotices", "Set how the household is told",
		func(ctx context.Context, in *struct{ Body NoticesBody }) (*struct{}, error) {
			defer s.Changed("privacy")
			b := in.Body
			set := notify.Settings{Language: i18n.Lang(b.Language), Muted: b.Muted, Webhook: b.Webhook}
			if len(b.Mail) > 0 {
				set.Mail = &notify.Mail{To: b.Mail, Relay: smtp.Relay{Host: b.Relay.Host, Port: b.Relay.Port, User: b.Relay.User,
					Password: b.Password, From: b.Relay.From, TLS: b.Relay.TLS}}
			}
			return nil, s.Notices.SetSettings(ctx, set)
		})
	route(s, paired, http.MethodPost, "/phone", "tellThisPhone", "Send notices to this device from now on",
		func(ctx context.Context, in *struct{ Body PhoneBody }) (*struct{}, error) {
			defer s.Changed("devices")
			return nil, s.Notices.Subscribe(ctx, notify.Phone{Device: visitorOf(ctx).device.ID, Language: i18n.Lang(in.Body.Language),
				Browser: push.Browser{Endpoint: in.Body.Endpoint, P256DH: in.Body.P256DH, Auth: in.Body.Auth}})
		})
	route(s, paired, http.MethodPost, "/phone/stop", "stopTellingThisPhone", "Send no more notices to this device",
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			defer s.Changed("devices")
			return nil, s.Notices.Unsubscribe(ctx, visitorOf(ctx).device.ID)
		})
	route(s, paired, http.MethodPost, "/notices/try", "tryNotice", "Send a test, and say what went wrong",
		func(ctx context.Context, in *struct {
			Body struct {
				By notify.Way `json:"by" enum:"phone,mail,webhook"`
				To string     `json:"to,omitempty" doc:"A mail's address."`
			}
		}) (*struct{}, error) {
			to := in.Body.To
			if in.Body.By == notify.ByPhone {
				to = visitorOf(ctx).device.ID
			}
			if err := s.Notices.Try(ctx, in.Body.By, to); err != nil {
				return nil, &problem.Problem{Type: problem.Unavailable, Title: "The test did not arrive", Status: http.StatusBadGateway, Detail: err.Error()}
			}
			return nil, nil
		})
}

func (s *Server) privacy(ctx context.Context, _ *struct{}) (*struct{ Body PrivacyView }, error) {
	set, err := s.Notices.Settings(ctx)
	if err != nil {
		return nil, err
	}
	v := PrivacyView{Exchange: s.Exchange, Ask: s.Exchange != "" && s.Switches.On(SwitchAsk), Seeing: s.Seeing, Webhook: set.Webhook,
		Mail: []string{}, Language: string(set.Language), Muted: set.Muted, PushKey: s.Notices.Key()}
	if m := set.Mail; m != nil {
		v.Mail, v.Relay = m.To, RelayView{m.Relay.Host, m.Relay.Port, m.Relay.User, m.Relay.From, m.Relay.TLS}
	}
	if s.Answers != nil {
		all, err := s.Answers.Drafts(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			if d.State == send.Sent && !d.Gone() {
				v.Shared++
			}
		}
	}
	if s.Register != nil {
		told, err := s.Register.All(ctx)
		if err != nil {
			return nil, err
		}
		v.Told = len(told)
	}
	if s.Pets != nil {
		if v.Pets, err = s.Pets.On(ctx); err != nil {
			return nil, err
		}
	}
	if s.Faces != nil {
		st, err := s.Faces.Status(ctx)
		if err != nil {
			return nil, err
		}
		v.Faces = st.On
	}
	return &struct{ Body PrivacyView }{v}, nil
}
