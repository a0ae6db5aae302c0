package demo

import (
	"fmt"
	"hash/crc32"
	"math"
	"strings"
	"time"

	"porchlight/internal/streets"
)

const (
	right, left = 12.6, 16.2 // lanes, metres from the front doors
)

// drive is a route along the street at a speed in m/s; it passes x = 0 at t.
func drive(dir, speed, t, z float64) streets.Route {
	return streets.Path(t-40/speed, -40*dir, z, t+40/speed, 40*dir, z)
}

// goesBy is a car that drives past; dir is 1 to the right and -1 to the left.
func goesBy(s streets.Shape, paint, plate string, dir, speed, t float64) streets.Car {
	z, way := right, streets.Rightward
	if dir < 0 {
		z, way = left, streets.Leftward
	}
	return streets.Car{Shape: s, Body: streets.Paints[paint], Plate: plate, Way: way, Route: drive(dir, speed, t, z)}
}

// walks sends somebody along times and places: t, x, z, t, x, z ...
func walks(w streets.Walker, txz ...float64) streets.Walker {
	w.Route = streets.Path(txz...)
	return w
}

// neighbour walks her dog in more than one of the films.
var neighbour = streets.Walker{Height: 1.68, Coat: streets.Hex(0x9c3f34), Trousers: streets.Hex(0x2d3a52), Hair: streets.Hex(0x5a3b22), Skin: streets.Hex(0xc79372), Dog: true}

// recordings lists what cameras around Elm and Oak Street saw on the evening when
// a parked car was searched (the story's request).
func (t *Town) recordings(evening time.Time) []recording {
	at := func(hour, minute, second int) time.Time {
		y, m, d := evening.Date()
		return time.Date(y, m, d, hour, minute, second, 0, evening.Location())
	}
	standing := func(s streets.Shape, paint, plate string, x, z float64, way streets.Way) streets.Car {
		return streets.Car{Shape: s, Body: streets.Paints[paint], Plate: plate, Way: way, Route: streets.Path(0, x, z)}
	}
	prowler := streets.Walker{Height: 1.8, Coat: streets.Hex(0x717a85), Trousers: streets.Hex(0x2e333b), Hair: streets.Hex(0x201a16), Skin: streets.Hex(0xb98a68), Hood: true, Bag: true}
	student := streets.Walker{Height: 1.74, Coat: streets.Hex(0x2f6b5a), Trousers: streets.Hex(0x4a4a4c), Hair: streets.Hex(0x1d1713), Skin: streets.Hex(0x7c5236), Bag: true}
	elder := streets.Walker{Height: 1.63, Coat: streets.Hex(0xa98a4e), Trousers: streets.Hex(0x55504a), Hair: streets.Hex(0xb9b6b0), Skin: streets.Hex(0xcf9f82)}
	rider := streets.Walker{Height: 1.76, Coat: streets.Hex(0xc2a52a), Trousers: streets.Hex(0x26282d), Hair: streets.Hex(0x2a201a), Skin: streets.Hex(0xa8754f), Bike: true}

	mk := func(name, street, camera, container, codec string, start time.Time, s streets.Scene) recording {
		h := t.onStreet(street)
		c := Clip{Name: name, Address: h.Address(), Camera: camera, Start: start, Codec: codec,
			Length: time.Duration(s.Seconds * float64(time.Second)), Serial: fmt.Sprintf("LF2-%08X", crc32.ChecksumIEEE([]byte(name)))}
		s.Label = strings.ToUpper(camera)
		return recording{c, s, container, h.Door}
	}
	return []recording{
		// The parked car is searched; the grey hood leaves in the dark sedan.
		mk("elm-front-door", "Elm Street", "Front door", "mp4", "h264", at(17, 27, 12), streets.Scene{Seed: 3, Mood: "night", Seconds: 30,
			Parked: []streets.Car{standing(streets.Hatch, "silver", "DEMO 40817", -3.4, 11.6, streets.Rightward)},
			Cast: []streets.Actor{
				goesBy(streets.SUV, "green", "DEMO 70352", -1, 10.5, 3.5),
				walks(neighbour, 0, 4.5, 8, 9, -8.5, 8, 20, -24, 8),
				walks(prowler, 5, 18, 8.2, 13.2, 1.2, 8.1, 15.6, -2.3, 9.9, 21.4, -2.3, 9.9, 22, -2.0, 9.7, 29, 9, 8.2),
				goesBy(streets.Sedan, "black", "DEMO 26194", 1, 7.2, 25.5),
			}}),
		mk("oak-front-door", "Oak Street", "Front door", "mp4", "h264", at(17, 29, 41), streets.Scene{Seed: 6, Mood: "infrared", Seconds: 16,
			Cast: []streets.Actor{
				goesBy(streets.Sedan, "black", "DEMO 26194", -1, 11, 4.6),
				walks(rider, 5, -20, 12.2, 12.5, 22, 12.2),
				goesBy(streets.SUV, "white", "DEMO 91520", 1, 9.5, 13.4),
			}}),
		mk("jefferson-driveway", "Jefferson Avenue", "Driveway", "mp4", "h264", at(16, 48, 5), streets.Scene{Seed: 5, Mood: "dusk", View: streets.Driveway, Seconds: 14,
			Parked: []streets.Car{standing(streets.Sedan, "red", "DEMO 55308", 4.75, 5.9, streets.Nearer)},
			Cast: []streets.Actor{
				goesBy(streets.Hatch, "blue", "DEMO 13476", 1, 8.6, 4.3),
				walks(student, 1, -9, 8, 13, 9.5, 8),
				goesBy(streets.SUV, "silver", "DEMO 60233", -1, 10, 9.6),
			}}),
		mk(porchClip, "Walnut Street", "Front door", "mp4", "h264", at(15, 22, 30), streets.Scene{Seed: 8, Mood: "day", Seconds: 20,
			Parked: []streets.Car{standing(streets.SUV, "sand", "DEMO 33018", 8.2, 11.6, streets.Rightward)},
			Cast: []streets.Actor{
				streets.Car{Shape: streets.Van, Body: streets.Paints["white"], Plate: "DEMO 80417", Way: streets.Rightward, Route: streets.Path(0, -34, right+.2, 5.6, 1.5, right+.2, 8.6, 3.0, right+.2, 11, 3.2, right+.2, 17.5, 40, right+.2), Sign: "GROVE BAKERY"},
				walks(elder, 0, -4, 8.1, 18, 12, 8),
				walks(rider, 9, 24, 16.8, 16.5, -24, 16.8),
				goesBy(streets.Sedan, "blue", "DEMO 47781", -1, 10, 3),
			}}),
		mk("adams-front-door", "Adams Avenue", "Front door", "mov", "hevc", at(16, 59, 18), streets.Scene{Seed: 11, Mood: "dusk", Seconds: 8,
			Cast: []streets.Actor{
				goesBy(streets.Sedan, "black", "DEMO 26194", 1, 8.2, 3.4),
				walks(elder, 0, 7, 8, 8, .5, 8),
			}}),
		mk("sycamore-front-door", "Sycamore Street", "Front door", "mkv", "h264", at(17, 32, 50), streets.Scene{Seed: 14, Mood: "night", Seconds: 10,
			Parked: []streets.Car{standing(streets.Sedan, "blue", "DEMO 29065", 5.6, 11.6, streets.Rightward)},
			Cast: []streets.Actor{
				walks(student, 0, -7, 8, 10, 6, 8),
				goesBy(streets.SUV, "white", "DEMO 91520", -1, 9, 4.2),
				goesBy(streets.Hatch, "red", "DEMO 51192", 1, 9.4, 8.1),
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
