package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"porchlight/capability"
	"porchlight/geo"
	"porchlight/pets"
)

// petRoutes are lost animals: posting, the feed that homes read, sightings, and
// the moderators who let posts in.
func (s *Server) petRoutes() {
	s.handle(anyone, "GET "+pets.Feed.Path, s.PetFeed)
	s.handle(anyone, "GET /pets/{post}/photos/{n}", http.HandlerFunc(s.petPhoto))

	route(s, anyone, "GET", "/pets", "lostPets", "All open posts, the same list for everybody.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body PetList }, error) {
			ps, err := s.Pets.Open(ctx)
			return s.petList(ps, false, err)
		})
	route(s, anyone, "GET", "/pets/form", "petForm", "A form to post a lost animal with: good once, after a few seconds.",
		func(context.Context, *struct{}) (*struct{ Body FormToken }, error) {
			return &struct{ Body FormToken }{FormToken{s.Pets.Posting.Token()}}, nil
		})
	route(s, anyone, "GET", "/pets/telling/form", "sightingForm", "A form to report a post or send a sighting with.",
		func(context.Context, *struct{}) (*struct{ Body FormToken }, error) {
			return &struct{ Body FormToken }{FormToken{s.Pets.Telling.Token()}}, nil
		})
	route(s, anyone, "POST", "/pets", "postPet", "Post a lost animal; a moderator looks first. Its id is the act's.",
		func(ctx context.Context, in *struct {
			ActHeaders
			Body PetPosting
		}) (*ActOutput, error) {
			place, err := in.Body.Place.point()
			if err != nil {
				return nil, err
			}
			b := in.Body
			d := pets.Draft{Animal: pets.Animal(b.Animal), Words: b.Words, Place: place, Rounding: geo.Rounding(b.Rounding), Seen: b.Seen, Hours: b.Hours, Photos: b.Photos}
			for _, c := range b.Colours {
				d.Colours = append(d.Colours, pets.Colour(c))
			}
			return s.neighborly(ctx)(s.Pets.Post(ctx, in.resident(), pets.Lost{Form: b.Form, OwnerHash: b.OwnerHash, Recipient: b.Recipient, Draft: d}))
		})
	route(s, anyone, "GET", "/pets/{post}", "lostPet", "One open post.",
		func(ctx context.Context, in *PetPath) (*struct{ Body PetView }, error) {
			p, err := s.Pets.Published(ctx, in.Post)
			if err != nil {
				return nil, neighborProblem(err)
			}
			return &struct{ Body PetView }{petView(p, false)}, nil
		})
	route(s, anyone, "POST", "/pets/{post}/runs", "countRun", "Count one home that looked for the animal on its own recordings. It says nothing else.",
		func(ctx context.Context, in *PetPath) (*struct{}, error) {
			return nil, neighborProblem(s.Pets.Ran(ctx, in.Post))
		})
	route(s, anyone, "POST", "/pets/{post}/report", "reportPet", "Tell moderators that a post should not be there.",
		func(ctx context.Context, in *struct {
			PetPath
			ActHeaders
			Body PetReport
		}) (*ActOutput, error) {
			return s.neighborly(ctx)(s.Pets.Report(ctx, in.resident(), in.Body.Form, in.Post, pets.Report(in.Body.Why)))
		})
	route(s, anyone, "POST", "/pets/{post}/sightings", "sightPet", "Tell the poster, sealed, that the animal was seen. The sighting's id is the act's.",
		func(ctx context.Context, in *struct {
			PetPath
			ActHeaders
			Body PetSighting
		}) (*ActOutput, error) {
			b := in.Body
			return s.neighborly(ctx)(s.Pets.Sight(ctx, in.resident(), pets.Sent{Form: b.Form, Post: in.Post, OwnerHash: b.OwnerHash, Recipient: b.Recipient, Sealed: b.Sealed}))
		})

	route(s, holder, "GET", "/lost", "followPet", "Her post, and who saw the animal.",
		func(ctx context.Context, in *Capability) (*struct{ Body FollowedPet }, error) {
			f, err := s.Pets.Follow(ctx, in.token())
			if err != nil {
				return nil, neighborProblem(err)
			}
			out := FollowedPet{Post: petView(f.Post, false), Sightings: []SeenPet{}, Past: f.Post.Past}
			for _, g := range f.Sightings {
				out.Sightings = append(out.Sightings, seenPet(g))
			}
			return &struct{ Body FollowedPet }{out}, nil
		})
	route(s, holder, "GET", "/lost/receipts/{entry}", "petReceipt", "Prove one act on her post.",
		func(ctx context.Context, in *struct {
			Capability
			Entry uint64 `path:"entry"`
		}) (*struct{ Body ReceiptText }, error) {
			r, err := s.Pets.Receipt(ctx, in.token(), in.Entry)
			if err != nil {
				return nil, neighborProblem(err)
			}
			return &struct{ Body ReceiptText }{ReceiptText{string(r.Marshal())}}, nil
		})
	route(s, holder, "POST", "/lost/renew", "renewPet", "Let her post live longer.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Body PetHours
		}) (*ActOutput, error) {
			return s.neighborly(ctx)(s.Pets.Renew(ctx, in.resident(), in.token(), in.Body.Hours))
		})
	route(s, holder, "POST", "/lost/relink", "relinkPet", "Replace the link to her post; the old one stops working.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Body NextLink
		}) (*ActOutput, error) {
			return s.neighborly(ctx)(s.Pets.Relink(ctx, in.resident(), in.token(), capability.Next(in.Body)))
		})
	route(s, holder, "POST", "/lost/close", "closePet", "End her post; its photos, words and place are erased.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Body PetEnd
		}) (*ActOutput, error) {
			return s.neighborly(ctx)(s.Pets.Close(ctx, in.resident(), in.token(), in.Body.Found))
		})
	route(s, holder, "POST", "/sightings/{sighting}/messages", "writeAboutSighting", "Write to the other side about a sighting, sealed.",
		func(ctx context.Context, in *struct {
			Capability
			ActHeaders
			Sighting string `path:"sighting" maxLength:"26" doc:"Id of the sighting."`
			Body     SealedMessage
		}) (*ActOutput, error) {
			return s.neighborly(ctx)(s.Pets.Write(ctx, in.resident(), in.token(), in.Sighting, in.Body.Sealed))
		})
	route(s, holder, "GET", "/sighting", "followSighting", "A sighting, to whoever sent it.",
		func(ctx context.Context, in *Capability) (*struct{ Body FollowedSighting }, error) {
			g, recipient, state, err := s.Pets.FollowSighting(ctx, in.token())
			if err != nil {
				return nil, neighborProblem(err)
			}
			return &struct{ Body FollowedSighting }{FollowedSighting{seenPet(g), g.Post, recipient, string(state)}}, nil
		})

	route(s, session, "GET", "/desk/pets", "petQueue", "Posts that wait for a moderator, and open ones that somebody reported.",
		func(ctx context.Context, _ *struct{}) (*struct{ Body PetList }, error) {
			ps, err := s.Pets.Queue(ctx, principal(ctx))
			return s.petList(ps, true, err)
		})
	route(s, session, "POST", "/pets/{post}/moderate", "moderatePet", "Let a post in, or not.",
		func(ctx context.Context, in *struct {
			PetPath
			ActHeaders
			Body PetVerdict
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			return s.neighborly(ctx)(s.Pets.Moderate(ctx, by, in.Post, in.Body.Verdict == "approve", in.Body.Reason))
		})
	route(s, session, "POST", "/pets/{post}/remove", "removePet", "Take an open post away, with what was sent to its poster.",
		func(ctx context.Context, in *struct {
			PetPath
			ActHeaders
			Body Reason
		}) (*ActOutput, error) {
			by, err := in.caller(ctx)
			if err != nil {
				return nil, err
			}
			return s.neighborly(ctx)(s.Pets.Remove(ctx, by, in.Post, in.Body.Reason))
		})
}

// petPhoto serves a photo of an open post, and of any post to moderators.
func (s *Server) petPhoto(w http.ResponseWriter, r *http.Request) {
	p, err := s.Pets.Shown(r.Context(), principal(r.Context()), r.PathValue("post"))
	n, bad := strconv.Atoi(strings.TrimSuffix(r.PathValue("n"), ".jpg"))
	if err != nil || bad != nil || n < 0 || n >= len(p.Photos) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "private, max-age=60")
	w.Write(p.Photos[n].JPEG)
}

// PetPath names a post.
type PetPath struct {
	Post string `path:"post" maxLength:"26" doc:"Id of the post."`
}

// PetPosting is a lost animal as its poster's device sends it.
type PetPosting struct {
	Form      string    `json:"form" maxLength:"64" doc:"Of petForm."`
	OwnerHash []byte    `json:"owner_hash" doc:"SHA-256 of the 32-byte capability token."`
	Recipient string    `json:"recipient" maxLength:"80" doc:"Her age X25519 recipient, derived from her link."`
	Animal    string    `json:"animal" enum:"dog,cat,bird,horse,other"`
	Colours   []string  `json:"colours,omitempty" maxItems:"3" enum:"black,white,grey,brown,tan,orange,golden,green,blue,yellow,red,spotted,striped"`
	Words     string    `json:"words,omitempty" maxLength:"1200" doc:"Its name, a collar, how it behaves; at most 300 characters, one line."`
	Place     MapPlace  `json:"place" doc:"Where it was last seen, on the grid that rounding names."`
	Rounding  string    `json:"rounding" enum:"100m,500m"`
	Seen      time.Time `json:"seen" doc:"When it was last seen."`
	Hours     int       `json:"hours" minimum:"0" maximum:"1000" doc:"How long the post is to live; the rules allow 1 to 72."`
	Photos    [][]byte  `json:"photos" maxItems:"8" doc:"JPEG, sides of 64 to 1600 pixels, at most 220 KiB each; drawn again here, so that nothing but pixels is kept."`
}

// PetView is a post as its reader may see it.
type PetView struct {
	ID        string     `json:"id"`
	State     string     `json:"state" enum:"waiting,open,found,withdrawn,expired,rejected,removed"`
	Animal    string     `json:"animal" doc:"Dog, cat, bird, horse or other."`
	Colours   []string   `json:"colours" doc:"At most three."`
	Words     string     `json:"words" doc:"Its name, a collar, how it behaves."`
	Place     MapPlace   `json:"place"`
	Rounding  string     `json:"rounding" doc:"How far the place was rounded."`
	Seen      time.Time  `json:"seen"`
	Recipient string     `json:"recipient" doc:"Sightings are sealed to it."`
	Photos    []string   `json:"photos" doc:"Addresses."`
	Posted    time.Time  `json:"posted"`
	Ends      time.Time  `json:"ends" doc:"When it ends by itself."`
	Homes     int        `json:"homes" doc:"How many homes say they looked for it."`
	Entry     uint64     `json:"entry" doc:"Of pet.post."`
	Published *uint64    `json:"published,omitempty" doc:"Entry of pet.moderate, which carries the SHA-256 of what is public."`
	Closed    *time.Time `json:"closed,omitempty"`
	Reports   []string   `json:"reports,omitempty" doc:"For moderators: person, not-lost, harassment, sale, other."`
}

func petView(p pets.Post, inside bool) PetView {
	v := PetView{ID: p.ID, State: string(p.State), Animal: string(p.Animal), Colours: []string{}, Words: p.Words, Place: mapPlace(p.Place), Rounding: string(p.Rounding),
		Seen: p.Seen, Recipient: p.Reader(), Photos: []string{}, Posted: p.Posted, Ends: p.Ends, Homes: p.Homes, Entry: p.Entry}
	for _, c := range p.Colours {
		v.Colours = append(v.Colours, string(c))
	}
	for n := range p.Photos {
		v.Photos = append(v.Photos, "/pets/"+p.ID+"/photos/"+strconv.Itoa(n)+".jpg")
	}
	if p.Published > 0 {
		v.Published = &p.Published
	}
	if !p.Closed.IsZero() {
		v.Closed = &p.Closed
	}
	if inside {
		for _, r := range p.Reports {
			v.Reports = append(v.Reports, string(r))
		}
	}
	return v
}

// PetList is a list of posts.
type PetList struct {
	Posts []PetView `json:"posts"`
}

func (s *Server) petList(ps []pets.Post, inside bool, err error) (*struct{ Body PetList }, error) {
	if err != nil {
		return nil, neighborProblem(err)
	}
	out := PetList{Posts: []PetView{}}
	for _, p := range ps {
		out.Posts = append(out.Posts, petView(p, inside))
	}
	return &struct{ Body PetList }{out}, nil
}

// PetHours is for how long a post is renewed.
type PetHours struct {
	Hours int `json:"hours" minimum:"0" maximum:"1000" doc:"From now; the rules allow 1 to 72."`
}

// PetEnd says how a post ends.
type PetEnd struct {
	Found bool `json:"found" doc:"The animal is back."`
}

// PetVerdict is a moderator's decision.
type PetVerdict struct {
	Verdict string `json:"verdict" enum:"approve,reject"`
	Reason  string `json:"reason,omitempty" maxLength:"2000"`
}

// PetReport is what somebody finds wrong with a post.
type PetReport struct {
	Form string `json:"form" maxLength:"64" doc:"Of sightingForm."`
	Why  string `json:"why" enum:"person,not-lost,harassment,sale,other"`
}

// PetSighting tells a poster that her animal was seen.
type PetSighting struct {
	Form      string `json:"form" maxLength:"64" doc:"Of sightingForm."`
	OwnerHash []byte `json:"owner_hash" doc:"SHA-256 of the sender's 32-byte capability token."`
	Recipient string `json:"recipient" maxLength:"80" doc:"The sender's age X25519 recipient."`
	Sealed    []byte `json:"sealed" doc:"Age file to the poster's recipient, at most 256 KiB: JSON of at, lon, lat, rounding, words and photo (base64 JPEG)."`
}

// SeenPet is a sighting and its letters, as the exchange has them: sealed.
type SeenPet struct {
	ID        string        `json:"id"`
	Recipient string        `json:"recipient" doc:"The age recipient its sender reads with."`
	Sealed    []byte        `json:"sealed"`
	At        time.Time     `json:"at"`
	Entry     uint64        `json:"entry"`
	Messages  []MessageView `json:"messages" doc:"from_owner: from the poster."`
}

func seenPet(g pets.Sighting) SeenPet {
	v := SeenPet{g.ID, g.Recipient, g.Sealed, g.At, g.Entry, []MessageView{}}
	for _, m := range g.Messages {
		v.Messages = append(v.Messages, MessageView{m.ID, m.FromPoster, m.Sealed, m.At, m.Entry})
	}
	return v
}

// FollowedPet is a post as its poster follows it.
type FollowedPet struct {
	Post      PetView   `json:"post"`
	Sightings []SeenPet `json:"sightings"`
	Past      []byte    `json:"past,omitempty" doc:"Of her link, as relinkPet took it: opens what was sealed to the links before."`
}

// FollowedSighting is a sighting as its sender follows it.
type FollowedSighting struct {
	Sighting  SeenPet `json:"sighting"`
	Post      string  `json:"post" doc:"Id of the post."`
	Recipient string  `json:"recipient" doc:"The age recipient the poster reads with."`
	State     string  `json:"state" doc:"Of the post."`
}
