package intake

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"porchlight/internal/porttest"
	"porchlight/plate"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// mosquitto is a real broker with a password and a memory.
type mosquitto struct {
	t         testing.TB
	program   string
	dir, addr string
	process   *exec.Cmd
}

func startMosquitto(t testing.TB) *mosquitto {
	t.Helper()
	program := "/usr/sbin/mosquitto"
	if _, err := os.Stat(program); err != nil {
		t.Skip("mosquitto is not installed: apt-get install mosquitto")
	}
	m := &mosquitto{t: t, program: program, dir: t.TempDir(), addr: fmt.Sprintf("127.0.0.1:%d", porttest.Free(t))}
	passwords := filepath.Join(m.dir, "passwords")
	must(t, os.WriteFile(passwords, []byte("porchlight:secret\n"), 0o600))
	if out, err := exec.Command("mosquitto_passwd", "-U", passwords).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %s", out)
	}
	_, port, _ := net.SplitHostPort(m.addr)
	config := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous false\npassword_file %s\npersistence true\npersistence_location %s/\nautosave_interval 1\nautosave_on_changes true\nuser root\n",
		port, passwords, m.dir)
	must(t, os.WriteFile(filepath.Join(m.dir, "conf"), []byte(config), 0o600))
	m.start()
	t.Cleanup(m.stop)
	return m
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.process = exec.Command(m.program, "-c", filepath.Join(m.dir, "conf"))
	must(m.t, m.process.Start())
	until(m.t, "the broker listens", func() bool {
		c, err := net.Dial("tcp", m.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (m *mosquitto) stop() {
	m.process.Process.Signal(os.Interrupt)
	m.process.Wait()
}

// frigate publishes as Frigate does, at quality of service 1.
func (m *mosquitto) frigate(topic, payload string) {
	m.t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + m.addr).SetUsername("porchlight").SetPassword("secret").SetClientID("frigate"))
	if t := c.Connect(); !t.WaitTimeout(time.Minute) || t.Error() != nil {
		m.t.Fatalf("connecting: %v", t.Error())
	}
	defer c.Disconnect(100)
	if t := c.Publish("frigate/"+topic, 1, false, payload); !t.WaitTimeout(time.Minute) || t.Error() != nil {
		m.t.Fatalf("publishing: %v", t.Error())
	}
}

// until waits for a condition.
func until(t testing.TB, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !yes(); {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func lpr(camera, text string, at time.Time) string {
	return fmt.Sprintf(`{"type": "lpr", "id": "o%s", "plate": %q, "score": 0.9, "camera": %q, "timestamp": %f}`, text, text, camera, float64(at.UnixMilli())/1000)
}

// What Frigate says over a real broker is taken in once, though the store fails,
// the broker restarts and the exchange is away for a while.
func TestFrigateOverMosquitto(t *testing.T) {
	broker := startMosquitto(t)
	w := newWorld(t, openSQLite(t))
	camera := w.add(plate.Camera{Speaks: plate.Frigate, Alias: "front_gate"}, nil)
	var stop context.CancelFunc
	var done chan struct{}
	listen := func() {
		var ctx context.Context
		done = make(chan struct{})
		ctx, stop = context.WithCancel(t.Context())
		go func() {
			w.Listen(ctx, Broker{Agency: owner, URL: "tcp://" + broker.addr, User: "porchlight", Password: "secret", Retry: 10 * time.Millisecond})
			close(done)
		}()
	}
	kept := func() int {
		w.reads.mu.Lock()
		defer w.reads.mu.Unlock()
		return len(w.reads.kept)
	}
	counted := func(what string) int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.counted[what]
	}
	listen()
	// The subscription is there once something published comes through.
	until(t, "the first read", func() bool {
		broker.frigate("tracked_object_update", lpr("front_gate", "ZZT0", start))
		return kept() == 1
	})
	broker.frigate("events", fmt.Sprintf(`{"type": "end", "after": {"id": "oZZT0", "camera": "front_gate", "label": "car", "frame_time": %d, "recognized_license_plate": "ZZT0"}}`, start.Unix()))
	broker.frigate("events", "not JSON")
	broker.frigate("tracked_object_update", lpr("back_gate", "ZZT8", start))
	until(t, "what is passed over", func() bool { return counted("malformed") == 1 && counted("unknown_camera") == 1 })
	if kept() != 1 {
		t.Errorf("kept %+v", w.reads.kept)
	}

	w.reads.mu.Lock()
	w.reads.fail = errors.New("the store is away")
	w.reads.mu.Unlock()
	broker.frigate("tracked_object_update", lpr("front_gate", "ZZT1", start))
	until(t, "a read after the store failed", func() bool { return kept() == 2 })

	broker.stop()
	broker.start()
	broker.frigate("tracked_object_update", lpr("front_gate", "ZZT2", start))
	until(t, "a read after the broker restarted", func() bool { return kept() == 3 })

	stop()
	<-done
	broker.frigate("tracked_object_update", lpr("front_gate", "ZZT3", start))
	listen()
	until(t, "what came while the exchange was away", func() bool { return kept() == 4 })
	stop()
	<-done
	if r := w.reads.kept[3]; r.Text != "ZZT3" || r.Camera != camera.ID || r.Confidence != 900 {
		t.Errorf("%+v", r)
	}
	if got := w.status(camera.ID); got.Today.Fresh+got.Today.Late != 4 {
		t.Errorf("%+v", got.Today)
	}
	for _, b := range []Broker{{Agency: owner, URL: "http://x"}, {URL: "tcp://x:1883"}} {
		if b.Check() == nil {
			t.Errorf("%+v can work", b)
		}
	}
}

// What cannot be made durable is not acknowledged: the broker keeps it.
func TestFrigateIsNotAcknowledgedBeforeItIsDurable(t *testing.T) {
	broker := startMosquitto(t)
	w := newWorld(t, openSQLite(t))
	w.add(plate.Camera{Speaks: plate.Frigate, Alias: "front_gate"}, nil)
	b := Broker{Agency: owner, URL: "tcp://" + broker.addr, User: "porchlight", Password: "secret", Retry: time.Hour}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.Listen(ctx, b) }()
	failed := func() bool {
		w.reads.mu.Lock()
		defer w.reads.mu.Unlock()
		return w.reads.fail == nil
	}
	w.reads.mu.Lock()
	w.reads.fail = errors.New("the store is away")
	w.reads.mu.Unlock()
	until(t, "the store failed", func() bool {
		broker.frigate("tracked_object_update", lpr("front_gate", "ZZT1", start))
		return failed()
	})
	stop()
	<-done
	b.Retry = 10 * time.Millisecond
	ctx, stop = context.WithCancel(t.Context())
	defer stop()
	done = make(chan struct{})
	go func() { defer close(done); w.Listen(ctx, b) }()
	until(t, "the broker sends it again", func() bool {
		w.reads.mu.Lock()
		defer w.reads.mu.Unlock()
		return len(w.reads.kept) == 1
	})
	stop()
	<-done
}
