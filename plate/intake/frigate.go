package intake

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Topics below Frigate's prefix that tell of plates.
const (
	frigateEvents  = "/events"
	frigateUpdates = "/tracked_object_update"
)

// frigateUpdate is a message of tracked_object_update: of type lpr, a plate just
// recognised, or recognised better.
type frigateUpdate struct {
	Type      string  `json:"type"`
	ID        string  `json:"id"` // of the tracked object
	Camera    string  `json:"camera"`
	Plate     string  `json:"plate"`
	Score     float64 `json:"score"` // of 1
	Timestamp float64 `json:"timestamp"`
}

// frigateEvent is a message of events, of which the state afterwards counts.
type frigateEvent struct {
	After struct {
		ID        string       `json:"id"`
		Camera    string       `json:"camera"`
		Label     string       `json:"label"` // car, motorcycle, truck ...
		FrameTime float64      `json:"frame_time"`
		StartTime float64      `json:"start_time"`
		Plate     frigatePlate `json:"recognized_license_plate"`
		Score     float64      `json:"recognized_license_plate_score"`
	} `json:"after"`
}

// frigatePlate is a text, or [text, score], or null.
type frigatePlate struct {
	text  string
	score float64
}

func (p *frigatePlate) UnmarshalJSON(b []byte) error {
	*p = frigatePlate{score: -1}
	if len(b) > 0 && b[0] == '[' {
		var pair []json.RawMessage
		if err := json.Unmarshal(b, &pair); err != nil {
			return err
		}
		if len(pair) > 1 {
			if err := json.Unmarshal(pair[1], &p.score); err != nil {
				return err
			}
		}
		if len(pair) == 0 {
			return nil
		}
		b = pair[0]
	}
	return json.Unmarshal(b, &p.text)
}

// parseFrigate reads one message. Each different text that Frigate finds on one
// object is an observation of its own: the better may come after the worse, and
// the first may be the wanted one.
func parseFrigate(topic string, payload []byte) ([]Sighting, error) {
	var s Sighting
	switch {
	case strings.HasSuffix(topic, frigateUpdates):
		var in frigateUpdate
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, fmt.Errorf("%w: %s", errForeign, jsonFault(err))
		}
		if in.Type != "lpr" || in.Plate == "" {
			return nil, nil
		}
		s = sighting(in.Plate, epoch(in.Timestamp))
		s.Alias, s.Confidence = in.Camera, permille(in.Score, 1)
		s.object(in.ID)
	case strings.HasSuffix(topic, frigateEvents):
		var in frigateEvent
		if err := json.Unmarshal(payload, &in); err != nil {
			return nil, fmt.Errorf("%w: %s", errForeign, jsonFault(err))
		}
		a := in.After
		if a.Plate.text == "" {
			return nil, nil
		}
		if a.Plate.score < 0 && a.Score > 0 {
			a.Plate.score = a.Score
		}
		seen := a.FrameTime
		if seen <= 0 {
			seen = a.StartTime
		}
		s = sighting(a.Plate.text, epoch(seen))
		s.Alias, s.Confidence = a.Camera, permille(a.Plate.score, 1)
		s.Vehicle.Type = vehicleType(a.Label)
		s.object(a.ID)
	default:
		return nil, nil
	}
	return []Sighting{s}, nil
}

// object makes the observation that of one text on one tracked object.
func (s *Sighting) object(id string) {
	if id != "" {
		s.event(id + " " + string(s.Text))
	}
}
