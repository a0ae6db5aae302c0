package exchange

import (
	"context"
	"sync"

	"porchlight/plate/intake"
)

// MQTT is the broker of an agency whose Frigate reads plates; see
// docs/cameras.md. The exchange connects to it as a client.
type MQTT struct {
	Agency   string `koanf:"agency" yaml:"agency"`               // ORI
	URL      string `koanf:"url" yaml:"url"`                     // tcp://host:1883, or ssl://host:8883
	User     string `koanf:"user" yaml:"user,omitempty"`         //
	Password string `koanf:"password" yaml:"password,omitempty"` //
	Topic    string `koanf:"topic" yaml:"topic,omitempty"`       // Frigate's topic_prefix; default frigate
}

func (m MQTT) broker() intake.Broker {
	return intake.Broker{Agency: m.Agency, URL: m.URL, User: m.User, Password: m.Password, Prefix: m.Topic}
}

// listen takes in what the agencies' brokers pass on, until ctx ends.
func (x *Exchange) listen(ctx context.Context) {
	var all sync.WaitGroup
	for _, m := range x.MQTT {
		all.Go(func() { x.Cameras.Listen(ctx, m.broker()) })
	}
	all.Wait()
}
