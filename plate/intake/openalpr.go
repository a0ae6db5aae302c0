package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"porchlight/plate"
)

// openALPR is what an OpenALPR (Rekor Scout) agent posts, as far as it is used.
// data_type tells apart: alpr_results, the plates of one frame; alpr_group, the
// best of a vehicle's frames; heartbeat and others, which hold no reads. The
// free agent leaves data_type out and states seconds where others state
// milliseconds. travel_direction is an angle in the picture, not on the map.
type openALPR struct {
	DataType string `json:"data_type"`
	Camera   scalar `json:"camera_id"`
	Country  string `json:"country"`

	// alpr_results
	UUID    string          `json:"uuid"`
	Epoch   float64         `json:"epoch_time"`
	Results []openALPRPlate `json:"results"`

	// alpr_group
	Start      float64         `json:"epoch_start"`
	Preview    bool            `json:"is_preview"` // a better one of the same vehicle follows
	Best       openALPRPlate   `json:"best_plate"`
	BestUUID   string          `json:"best_uuid"`
	BestEpoch  float64         `json:"best_uuid_epoch_ms"`
	BestRegion string          `json:"best_region"`
	Candidates []openALPRGuess `json:"candidates"` // over all frames
	Vehicle    openALPRVehicle `json:"vehicle"`
	Picture    []byte          `json:"vehicle_crop_jpeg"`
}

type openALPRPlate struct {
	Plate      string          `json:"plate"`
	Index      int             `json:"plate_index"` // in its frame
	Confidence float64         `json:"confidence"`  // percent
	Region     string          `json:"region"`      // "mo", "us-mo", "eu-de"
	Candidates []openALPRGuess `json:"candidates"`
	Picture    picture         `json:"plate_crop_jpeg"`
}

type openALPRGuess struct {
	Plate      string  `json:"plate"`
	Confidence float64 `json:"confidence"`
}

// openALPRVehicle has the likeliest first.
type openALPRVehicle struct {
	Color []openALPRName `json:"color"`
	Make  []openALPRName `json:"make"`
	Body  []openALPRName `json:"body_type"`
}

type openALPRName struct {
	Name string `json:"name"`
}

var errForeign = errors.New("intake: the body is not what this kind of camera sends")

// parseOpenALPR reads one post of an OpenALPR agent. A frame's plate and the
// group whose best it is are one observation.
func parseOpenALPR(body []byte) ([]Sighting, error) {
	var in openALPR
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("%w: %s", errForeign, jsonFault(err))
	}
	switch {
	case in.DataType == "alpr_group" && !in.Preview:
		p := in.Best
		if p.Region == "" {
			p.Region = in.BestRegion
		}
		p.Candidates = append(p.Candidates, in.Candidates...)
		seen := in.BestEpoch
		if seen <= 0 {
			seen = in.Start
		}
		s := in.sighting(p, in.BestUUID, p.Index, seen)
		s.Vehicle = plate.Vehicle{Type: vehicleType(first(in.Vehicle.Body)), Make: word(first(in.Vehicle.Make)), Color: color(first(in.Vehicle.Color))}
		if len(in.Picture) > 0 {
			s.Clear = in.Picture
		}
		return []Sighting{s}, nil
	case in.DataType == "alpr_results" || in.DataType == "" && in.Results != nil:
		var list []Sighting
		for i, p := range in.Results {
			list = append(list, in.sighting(p, in.UUID, i, in.Epoch))
		}
		return list, nil
	case in.DataType == "":
		return nil, fmt.Errorf("%w: it has neither data_type nor results", errForeign)
	}
	return nil, nil
}

func (in *openALPR) sighting(p openALPRPlate, uuid string, index int, seen float64) Sighting {
	s := sighting(p.Plate, epoch(seen))
	if index > 0 {
		uuid = fmt.Sprintf("%s#%d", uuid, index)
	}
	s.event(uuid)
	s.Alias, s.Clear = string(in.Camera), p.Picture
	s.Confidence, s.Region = permille(p.Confidence, 100), region(p.Region, in.Country)
	for _, c := range p.Candidates {
		s.other(c.Plate, permille(c.Confidence, 100))
	}
	return s
}

// first is the likeliest name. OpenALPR joins words by hyphens.
func first(names []openALPRName) string {
	if len(names) == 0 {
		return ""
	}
	return strings.TrimSpace(names[0].Name)
}

// scalar is a text, or a number as it is written.
type scalar string

func (s *scalar) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(s))
	}
	*s = scalar(bytes.TrimSpace(b))
	return nil
}

// picture is base64; one that is not is left out, as the read is worth more.
type picture []byte

func (p *picture) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, (*[]byte)(p)) != nil {
		*p = nil
	}
	return nil
}
