package frigate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Broker is the MQTT broker a Frigate publishes to.
type Broker struct {
	Address string        // tcp://host:1883, or ssl://host:8883; with user:password@ where it asks for them
	Prefix  string        // Frigate's topic_prefix; "": frigate
	Retry   time.Duration // between attempts to connect; 0: 10 s
}

// errBroker: nothing can be heard there.
var errBroker = errors.New("the address of the MQTT broker must be tcp://host:port or ssl://host:port")

// Listen calls heard for each event that begins, goes on or ends, one after the
// other, until ctx ends; it connects again when the broker goes away. What was
// published in between is not heard: ask Events for it. up, which may be nil, is
// told when the broker is there and when it is gone.
func Listen(ctx context.Context, b Broker, heard func(Event), up func(bool)) error {
	if !strings.HasPrefix(b.Address, "tcp://") && !strings.HasPrefix(b.Address, "ssl://") {
		return errBroker
	}
	if up == nil {
		up = func(bool) {}
	}
	queue := make(chan []byte, 256)
	topic := cmp.Or(b.Prefix, "frigate") + "/events"
	o := mqtt.NewClientOptions().AddBroker(b.Address).
		SetConnectRetry(true).SetConnectRetryInterval(cmp.Or(b.Retry, 10*time.Second)).SetMaxReconnectInterval(cmp.Or(b.Retry, 30*time.Second)).
		SetOnConnectHandler(func(c mqtt.Client) {
			t := c.Subscribe(topic, 1, func(_ mqtt.Client, m mqtt.Message) {
				select {
				case queue <- m.Payload():
				case <-ctx.Done():
				}
			})
			go func() { up(t.Wait() && t.Error() == nil) }()
		}).
		SetConnectionLostHandler(func(mqtt.Client, error) { up(false) })
	c := mqtt.NewClient(o)
	c.Connect()
	defer c.Disconnect(100)
	for {
		select {
		case payload := <-queue:
			if e, ok := parseEvent(payload); ok {
				heard(e)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// parseEvent reads a message of <prefix>/events, of which the state afterwards
// counts.
func parseEvent(payload []byte) (Event, bool) {
	var m struct {
		Type  string `json:"type"`
		After event  `json:"after"`
	}
	if len(payload) > 1<<20 || json.Unmarshal(payload, &m) != nil {
		return Event{}, false
	}
	return m.After.told()
}
