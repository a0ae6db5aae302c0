package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	client "porchlight/internal/actor"
	"porchlight/internal/softkey"
)

// Cast is everybody with an account in the demo, by id ("custodian-police").
// Their passkeys are software, kept in a file of the demo's directory: this
// package is the only place that knows them.
type Cast struct {
	People []*Member

	path     string
	mu       sync.Mutex // saving
	visitors []*Player  // whom visitors enrolled
}

// Member is one person of the demo and her device.
type Member struct {
	*client.Person
	ID    string // e.g. "custodian-police"
	Title string
	ORI   string // of her agency, empty for the exchange's people
	Place string // name of her agency or of the exchange
	Roles []string
}

// castFile holds the software passkeys.
const castFile = "demo-people.json"

// newCast casts everybody of the town, with new devices.
func newCast(t *Town, dir, url string) *Cast {
	c := &Cast{path: filepath.Join(dir, castFile)}
	add := func(p Person, ori, place, suffix string) {
		c.People = append(c.People, &Member{
			Person: client.NewPerson(url, p.Name), ID: p.Roles[len(p.Roles)-1] + suffix,
			Title: p.Title, ORI: ori, Place: place, Roles: p.Roles,
		})
	}
	for i, a := range t.Agencies {
		for _, p := range a.People {
			add(p, a.ORI, a.Name, []string{"-police", "-sheriff", "-federal", "-larkspur"}[i])
		}
	}
	for _, p := range t.Exchange() {
		add(p, "", t.Name+" Exchange", "")
	}
	return c
}

// Find returns the player with that id; nil if there is none.
func (c *Cast) Find(id string) *Member {
	i := slices.IndexFunc(c.People, func(p *Member) bool { return p.ID == id })
	if i < 0 {
		return nil
	}
	return c.People[i]
}

// of returns who holds role in the agency with that ORI.
func (c *Cast) of(ori, role string) *Member {
	for _, p := range c.People {
		if p.ORI == ori && slices.Contains(p.Roles, role) {
			return p
		}
	}
	panic("demo: nobody is " + role + " of " + ori)
}

// stored is a player in the file.
type stored struct {
	ID     string       `json:"id"`
	Name   string       `json:"name"`
	Device *softkey.Key `json:"device"`
}

// save keeps the devices for the next start, all or none.
func (c *Cast) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []stored
	for _, p := range c.People {
		out = append(out, stored{p.ID, p.Name, p.Key})
	}
	for _, v := range c.visitors {
		out = append(out, stored{v.ID, v.Name, v.Key})
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(c.path+".new", c.path)
}

// keep takes the bar's players over: those who are not of the cast are visitors.
func (c *Cast) keep(players []*Player) error {
	c.mu.Lock()
	c.visitors = slices.DeleteFunc(slices.Clone(players), func(p *Player) bool { return c.Find(p.ID) != nil })
	c.mu.Unlock()
	return c.save()
}

// load puts the kept devices into people's hands.
func (c *Cast) load() error {
	b, err := os.ReadFile(c.path)
	if err != nil {
		return err
	}
	var in []stored
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	for _, s := range in {
		if p := c.Find(s.ID); p != nil {
			p.Key = s.Device
		} else {
			c.visitors = append(c.visitors, &Player{ID: s.ID, Name: s.Name, Key: s.Device})
		}
	}
	return nil
}

// agencyName is empty for the exchange's own people.
func (m *Member) agencyName() string {
	if m.ORI == "" {
		return ""
	}
	return m.Place
}
