package demo

import (
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"time"
)

// recordings lists what cameras around Elm and Oak Street saw on the evening when
// a parked car was searched (the story's request).
func (t *Town) recordings(evening time.Time) []recording {
	at := func(hour, minute, second int) time.Time {
		y, m, d := evening.Date()
		return time.Date(y, m, d, hour, minute, second, 0, evening.Location())
	}
	paints := map[string]rgb{"red": hex(0x8e1f22), "blue": hex(0x274b78), "silver": hex(0xaeb3b6), "black": hex(0x191b1e), "white": hex(0xe3e3df), "green": hex(0x2f4f40), "sand": hex(0xa89777)}
	// drive is a route along the street at a speed in m/s; it passes x = 0 at t.
	drive := func(dir, speed, t, z float64) route {
		return route{{t - 40/speed, -40 * dir, z}, {t + 40/speed, 40 * dir, z}}
	}
	right, left := 12.6, 16.2 // lanes
	passing := func(s shape, paint, plate string, dir, speed, t float64) car {
		z := right
		if dir < 0 {
			z = left
		}
		return car{shape: s, body: paints[paint], plate: plate, nose: dir, route: drive(dir, speed, t, z)}
	}
	standing := func(s shape, paint, plate string, x, z, nose float64) car {
		return car{shape: s, body: paints[paint], plate: plate, nose: nose, route: route{{0, x, z}}}
	}
	neighbour := walker{height: 1.68, coat: hex(0x9c3f34), trousers: hex(0x2d3a52), hair: hex(0x5a3b22), skin: hex(0xc79372), dog: true}
	prowler := walker{height: 1.8, coat: hex(0x717a85), trousers: hex(0x2e333b), hair: hex(0x201a16), skin: hex(0xb98a68), hood: true, bag: true}
	student := walker{height: 1.74, coat: hex(0x2f6b5a), trousers: hex(0x4a4a4c), hair: hex(0x1d1713), skin: hex(0x7c5236), bag: true}
	elder := walker{height: 1.63, coat: hex(0xa98a4e), trousers: hex(0x55504a), hair: hex(0xb9b6b0), skin: hex(0xcf9f82)}
	rider := walker{height: 1.76, coat: hex(0xc2a52a), trousers: hex(0x26282d), hair: hex(0x2a201a), skin: hex(0xa8754f), bike: true}
	walks := func(w walker, r ...mark) walker { w.route = r; return w }

	mk := func(name, street, camera, container, codec string, start time.Time, s scene) recording {
		h := t.onStreet(street)
		c := Clip{Name: name, Address: h.Address(), Camera: camera, Start: start, Codec: codec,
			Length: time.Duration(s.seconds * float64(time.Second)), Serial: fmt.Sprintf("LF2-%08X", crc32.ChecksumIEEE([]byte(name)))}
		s.label = strings.ToUpper(camera)
		return recording{c, s, container, h.Door}
	}
	return []recording{
		// The parked car is searched; the grey hood leaves in the dark sedan.
		mk("elm-front-door", "Elm Street", "Front door", "mp4", "h264", at(17, 27, 12), scene{seed: 3, mood: "night", seconds: 30,
			parked: []car{standing(hatch, "silver", "DEMO 40817", -3.4, 11.6, 1)},
			cast: []actor{
				passing(suv, "green", "DEMO 70352", -1, 10.5, 3.5),
				walks(neighbour, mark{0, 4.5, 8}, mark{9, -8.5, 8}, mark{20, -24, 8}),
				walks(prowler, mark{5, 18, 8.2}, mark{13.2, 1.2, 8.1}, mark{15.6, -2.3, 9.9}, mark{21.4, -2.3, 9.9}, mark{22, -2.0, 9.7}, mark{29, 9, 8.2}),
				passing(sedan, "black", "DEMO 26194", 1, 7.2, 25.5),
			}}),
		mk("oak-front-door", "Oak Street", "Front door", "mp4", "h264", at(17, 29, 41), scene{seed: 6, mood: "infrared", seconds: 16,
			cast: []actor{
				passing(sedan, "black", "DEMO 26194", -1, 11, 4.6),
				walks(rider, mark{5, -20, 12.2}, mark{12.5, 22, 12.2}),
				passing(suv, "white", "DEMO 91520", 1, 9.5, 13.4),
			}}),
		mk("jefferson-driveway", "Jefferson Avenue", "Driveway", "mp4", "h264", at(16, 48, 5), scene{seed: 5, mood: "dusk", drive: true, seconds: 14,
			parked: []car{standing(sedan, "red", "DEMO 55308", 4.75, 5.9, 0)},
			cast: []actor{
				passing(hatch, "blue", "DEMO 13476", 1, 8.6, 4.3),
				walks(student, mark{1, -9, 8}, mark{13, 9.5, 8}),
				passing(suv, "silver", "DEMO 60233", -1, 10, 9.6),
			}}),
		mk("walnut-front-door", "Walnut Street", "Front door", "mp4", "h264", at(15, 22, 30), scene{seed: 8, mood: "day", seconds: 20,
			parked: []car{standing(suv, "sand", "DEMO 33018", 8.2, 11.6, 1)},
			cast: []actor{
				car{shape: van, body: paints["white"], plate: "DEMO 80417", nose: 1, route: route{{0, -34, right + .2}, {5.6, 1.5, right + .2}, {8.6, 3.0, right + .2}, {11, 3.2, right + .2}, {17.5, 40, right + .2}}, sign: "GROVE BAKERY"},
				walks(elder, mark{0, -4, 8.1}, mark{18, 12, 8}),
				walks(rider, mark{9, 24, 16.8}, mark{16.5, -24, 16.8}),
				passing(sedan, "blue", "DEMO 47781", -1, 10, 3),
			}}),
		mk("adams-front-door", "Adams Avenue", "Front door", "mov", "hevc", at(16, 59, 18), scene{seed: 11, mood: "dusk", seconds: 8,
			cast: []actor{
				passing(sedan, "black", "DEMO 26194", 1, 8.2, 3.4),
				walks(elder, mark{0, 7, 8}, mark{8, .5, 8}),
			}}),
		mk("sycamore-front-door", "Sycamore Street", "Front door", "mkv", "h264", at(17, 32, 50), scene{seed: 14, mood: "night", seconds: 10,
			parked: []car{standing(sedan, "blue", "DEMO 29065", 5.6, 11.6, 1)},
			cast: []actor{
				walks(student, mark{0, -7, 8}, mark{10, 6, 8}),
				passing(suv, "white", "DEMO 91520", -1, 9, 4.2),
				passing(hatch, "red", "DEMO 51192", 1, 9.4, 8.1),
			}}),
	}
}

// onStreet is the house of a street nearest the grid's west side, where the story plays.
func (t *Town) onStreet(name string) House {
	best, least := t.Houses[0], math.Inf(1)
	for _, h := range t.Houses {
		if d := h.doorway.sub(pt{-240, 210}).len(); strings.HasSuffix(h.Street, name) && d < least {
			best, least = h, d
		}
	}
	return best
}
