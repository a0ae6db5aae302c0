package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"porchlight/plate"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Broker is an agency's MQTT broker, on which its Frigate tells of plates.
type Broker struct {
	Agency   string        // ORI
	URL      string        // tcp://host:1883, or ssl://host:8883
	User     string        //
	Password string        //
	Prefix   string        // Frigate's topic_prefix; default frigate
	Retry    time.Duration // first wait before a message is tried again; default 1 second, doubling up to 30
}

// Bounds of what one broker may hand over at a time.
const (
	mqttQueue   = 256     // messages; a broker sends some twenty before it waits for answers
	mqttPayload = 1 << 20 // bytes
	mqttWait    = 30 * time.Second
)

// Check says whether the settings can work.
func (b Broker) Check() error {
	if b.Agency == "" {
		return errors.New("mqtt: the agency whose broker it is must be named")
	}
	if !strings.HasPrefix(b.URL, "tcp://") && !strings.HasPrefix(b.URL, "ssl://") {
		return fmt.Errorf("mqtt of %s: url %q: want tcp://host:port or ssl://host:port", b.Agency, b.URL)
	}
	return nil
}

// Listen takes in what a broker passes on, until ctx ends; it connects again
// when the broker goes away. A message is acknowledged when what it tells is
// durable: one that arrives at quality of service 1, as Frigate sends when it is
// told to, is not lost when either side stops. One node of an exchange listens.
func (s *Service) Listen(ctx context.Context, b Broker) {
	b.Prefix, b.Retry = cmp.Or(b.Prefix, "frigate"), cmp.Or(b.Retry, time.Second)
	queue := make(chan mqtt.Message, mqttQueue)
	name := sha256.Sum256([]byte(b.Agency + " " + b.Prefix))
	o := mqtt.NewClientOptions().AddBroker(b.URL).SetUsername(b.User).SetPassword(b.Password).
		SetClientID(fmt.Sprintf("porchlight-%x", name[:6])).SetCleanSession(false). // the broker keeps what we miss
		SetAutoAckDisabled(true).SetOrderMatters(true).
		SetConnectRetry(true).SetConnectRetryInterval(b.Retry).SetMaxReconnectInterval(mqttWait)
	topics := map[string]byte{b.Prefix + frigateEvents: 1, b.Prefix + frigateUpdates: 1}
	o.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		select {
		case queue <- m:
		default: // only what nobody waits for an answer of comes so fast
			s.Observe(plate.Frigate, "busy", 1)
		}
	})
	o.SetOnConnectHandler(func(c mqtt.Client) {
		s.Logger.Info("listening to a broker", "agency", b.Agency)
		t := c.SubscribeMultiple(topics, nil)
		go func() {
			if t.Wait(); t.Error() != nil {
				s.Logger.Error("the broker lets nobody listen", "agency", b.Agency, "err", t.Error())
			}
		}()
	})
	o.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		s.Logger.Warn("the broker is gone; trying again", "agency", b.Agency, "err", err)
		s.Observe(plate.Frigate, "disconnected", 1)
	})
	c := mqtt.NewClient(o)
	c.Connect()
	defer c.Disconnect(250)
	for {
		select {
		case m := <-queue:
			if !s.settle(ctx, b, m) {
				return
			}
			m.Ack()
		case <-ctx.Done():
			return
		}
	}
}

// settle takes a message in, however often that fails; false when ctx ended
// first.
func (s *Service) settle(ctx context.Context, b Broker, m mqtt.Message) bool {
	for wait := b.Retry; ; wait = min(2*wait, mqttWait) {
		if len(m.Payload()) > mqttPayload {
			s.Observe(plate.Frigate, "malformed", 1)
			return true
		}
		_, err := s.TakeFrigate(ctx, b.Agency, m.Topic(), m.Payload())
		switch {
		case err == nil, errors.Is(err, ErrOwner):
			return true
		case errors.Is(err, ErrMalformed):
			s.Observe(plate.Frigate, "malformed", 1)
			return true
		case ctx.Err() != nil:
			return false
		}
		s.Logger.Error("what a broker passed on could not be taken in; it is tried again", "agency", b.Agency, "err", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return false
		}
	}
}
