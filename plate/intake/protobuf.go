package intake

import (
	"errors"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"porchlight/geo"
)

// The messages of batch.proto, field by field. Their numbers are the stable
// part, so they are written here as they stand there; a test has protoc read
// and write the same.

// Protobuf writes b as the message Batch of batch.proto.
func (b Batch) Protobuf() []byte {
	var w message
	w.text(1, b.Camera)
	w.number(2, b.Sequence)
	w.number(3, uint64(b.Sent.UnixMilli()))
	for _, s := range b.Reads {
		var r message
		r.text(1, s.Event)
		r.text(2, string(s.Text))
		r.text(3, s.Region)
		r.optional(4, s.Confidence)
		for _, o := range s.Others {
			var g message
			g.text(1, string(o.Text))
			g.optional(2, o.Confidence)
			r.bytes(5, g)
		}
		r.number(6, uint64(s.Seen.UnixMilli()))
		if s.Placed {
			var p message
			p.fixed(1, s.Place.Lon)
			p.fixed(2, s.Place.Lat)
			r.bytes(7, p)
		}
		r.optional(8, s.Heading)
		if v := s.Vehicle; v.Type+v.Make+v.Color != "" {
			var m message
			m.text(1, v.Type)
			m.text(2, v.Make)
			m.text(3, v.Color)
			r.bytes(9, m)
		}
		if len(s.Sealed) > 0 {
			r.bytes(10, s.Sealed)
		}
		w.bytes(4, r)
	}
	return w
}

// message is one being written. Fields that are zero are left out, as proto3 does.
type message []byte

func (m *message) text(n protowire.Number, s string) {
	if s != "" {
		*m = protowire.AppendString(protowire.AppendTag(*m, n, protowire.BytesType), s)
	}
}

func (m *message) bytes(n protowire.Number, b []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, n, protowire.BytesType), b)
}

func (m *message) number(n protowire.Number, v uint64) {
	if v != 0 {
		*m = protowire.AppendVarint(protowire.AppendTag(*m, n, protowire.VarintType), v)
	}
}

// optional writes a number that may be 0 or, as -1, not known.
func (m *message) optional(n protowire.Number, v int) {
	if v >= 0 {
		*m = protowire.AppendVarint(protowire.AppendTag(*m, n, protowire.VarintType), uint64(v))
	}
}

func (m *message) fixed(n protowire.Number, v int32) {
	if v != 0 {
		*m = protowire.AppendFixed32(protowire.AppendTag(*m, n, protowire.Fixed32Type), uint32(v))
	}
}

var errProtobuf = errors.New("it is not protobuf as described")

// field is one field of a message being read: a number, or bytes.
type field struct {
	n      protowire.Number
	number uint64
	bytes  []byte
}

// fields calls f for each field of a message. Fields of unknown numbers are
// given too, for f to pass over.
func fields(b []byte, f func(field) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errProtobuf
		}
		b = b[size:]
		v := field{n: n}
		switch kind {
		case protowire.VarintType:
			v.number, size = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var u uint32
			u, size = protowire.ConsumeFixed32(b)
			v.number = uint64(u)
		case protowire.Fixed64Type:
			v.number, size = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			v.bytes, size = protowire.ConsumeBytes(b)
		default:
			return errProtobuf // groups are long gone
		}
		if size < 0 {
			return errProtobuf
		}
		b = b[size:]
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

func parseProtobuf(body []byte) (b Batch, err error) {
	err = fields(body, func(f field) error {
		switch f.n {
		case 1:
			b.Camera = string(f.bytes)
		case 2:
			b.Sequence = f.number
		case 3:
			b.Sent = moment(f.number)
		case 4:
			if len(b.Reads) == maxValues/10 {
				return ErrTooMany
			}
			t, err := parseRead(f.bytes)
			b.Reads = append(b.Reads, t.sighting())
			return err
		}
		return nil
	})
	return b, err
}

func parseRead(body []byte) (told, error) {
	t := told{confidence: -1, heading: -1}
	err := fields(body, func(f field) error {
		switch f.n {
		case 1:
			t.event = string(f.bytes)
		case 2:
			t.plate = string(f.bytes)
		case 3:
			t.region = string(f.bytes)
		case 4:
			t.confidence = small(f.number)
		case 5:
			g := guess{confidence: -1}
			err := fields(f.bytes, func(f field) error {
				switch f.n {
				case 1:
					g.plate = string(f.bytes)
				case 2:
					g.confidence = small(f.number)
				}
				return nil
			})
			if len(t.others) <= maxOthers { // one more is refused, the rest is not kept
				t.others = append(t.others, g)
			}
			return err
		case 6:
			t.seen = moment(f.number)
		case 7:
			var p geo.Point
			err := fields(f.bytes, func(f field) error {
				switch f.n {
				case 1:
					p.Lon = int32(uint32(f.number))
				case 2:
					p.Lat = int32(uint32(f.number))
				}
				return nil
			})
			_, off := geo.NewPoint(p.Degrees())
			t.placed, t.place, t.misplaced = true, p, off != nil
			return err
		case 8:
			t.heading = small(f.number)
		case 9:
			return fields(f.bytes, func(f field) error {
				switch f.n {
				case 1:
					t.vehicle.Type = string(f.bytes)
				case 2:
					t.vehicle.Make = string(f.bytes)
				case 3:
					t.vehicle.Color = string(f.bytes)
				}
				return nil
			})
		case 10:
			t.picture = f.bytes
		}
		return nil
	})
	return t, err
}

// moment is a time in milliseconds since 1970; 0 is none.
func moment(n uint64) time.Time {
	if n == 0 || n > 1<<53 {
		return time.Time{}
	}
	return time.UnixMilli(int64(n)).UTC()
}

// small is a number that is no more than a few hundreds; one that is not stays
// out of range, so that it is refused.
func small(n uint64) int {
	if n > 1<<20 {
		return 1 << 20
	}
	return int(n)
}
