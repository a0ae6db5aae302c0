package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"porchlight/plate"
)

// recognizer is what Plate Recognizer Stream posts. hook.event tells apart:
// recognition, the plates of one picture; others hold no reads. direction is an
// angle in the picture, not on the map.
type recognizer struct {
	Hook struct {
		Event string `json:"event"`
	} `json:"hook"`
	Data struct {
		Camera    string             `json:"camera_id"`
		Timestamp string             `json:"timestamp"` // UTC
		Results   []recognizerResult `json:"results"`
	} `json:"data"`
}

type recognizerResult struct {
	// Plate is the text, or in the newer form an object with its properties.
	Plate  recognizerPlate `json:"plate"`
	Region struct {
		Code string `json:"code"` // "us-il", "gb"
	} `json:"region"`
	Score      float64 `json:"score"` // of 1
	Candidates []struct {
		Plate string   `json:"plate"`
		Score *float64 `json:"score"`
	} `json:"candidates"`
	Vehicle struct {
		Type  string          `json:"type"`
		Props recognizerProps `json:"props"`
	} `json:"vehicle"`
	recognizerProps
}

// recognizerProps have the likeliest first; the older form has them beside the
// plate.
type recognizerProps struct {
	MakeModel []struct {
		Make string `json:"make"`
	} `json:"model_make"`
	MakeModel2 []struct {
		Make string `json:"make"`
	} `json:"make_model"`
	Color []struct {
		Color string `json:"color"`
		Value string `json:"value"`
	} `json:"color"`
}

type recognizerPlate struct {
	text  string
	props struct {
		Plate  []recognizerValue `json:"plate"`
		Region []recognizerValue `json:"region"`
	}
}

type recognizerValue struct {
	Value string  `json:"value"`
	Score float64 `json:"score"`
}

func (p *recognizerPlate) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &p.text)
	}
	var o struct {
		Props any `json:"props"`
	}
	o.Props = &p.props
	return json.Unmarshal(b, &o)
}

// parsePlateRecognizer reads one post of Stream: JSON as the body, as the form
// field json, or beside a picture in a multipart form.
func parsePlateRecognizer(contentType string, body []byte) ([]Sighting, error) {
	text, picture, err := recognizerForm(contentType, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errForeign, err)
	}
	var in recognizer
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fmt.Errorf("%w: %s", errForeign, jsonFault(err))
	}
	if in.Hook.Event != "" && in.Hook.Event != "recognition" {
		return nil, nil
	}
	if in.Data.Results == nil {
		return nil, fmt.Errorf("%w: it has no data.results", errForeign)
	}
	seen := clock(in.Data.Timestamp)
	var list []Sighting
	for _, r := range in.Data.Results {
		text, code, score := r.Plate.text, r.Region.Code, r.Score
		if v := r.Plate.props.Plate; text == "" && len(v) > 0 {
			text, score = v[0].Value, v[0].Score
		}
		if v := r.Plate.props.Region; code == "" && len(v) > 0 {
			code = v[0].Value
		}
		s := sighting(text, seen)
		s.Alias, s.Confidence, s.Region = in.Data.Camera, permille(score, 1), region(code, "")
		for _, c := range r.Candidates {
			p := -1
			if c.Score != nil {
				p = permille(*c.Score, 1)
			}
			s.other(c.Plate, p)
		}
		for _, v := range r.Plate.props.Plate {
			s.other(v.Value, permille(v.Score, 1))
		}
		s.Vehicle = plate.Vehicle{Type: vehicleType(r.Vehicle.Type), Make: r.Vehicle.Props.make(), Color: r.Vehicle.Props.color()}
		if m := r.recognizerProps.make(); m != "" {
			s.Vehicle.Make = m
		}
		if c := r.recognizerProps.color(); c != "" {
			s.Vehicle.Color = c
		}
		s.Clear = picture // one picture may show several plates
		list = append(list, s)
	}
	return list, nil
}

func (p recognizerProps) make() string {
	for _, m := range append(p.MakeModel, p.MakeModel2...) {
		return word(m.Make)
	}
	return ""
}

func (p recognizerProps) color() string {
	for _, c := range p.Color {
		return color(c.Color + c.Value)
	}
	return ""
}

// recognizerForm takes the JSON and the picture, if any, out of a post.
func recognizerForm(contentType string, body []byte) (text, picture []byte, err error) {
	media, params, _ := mime.ParseMediaType(contentType)
	if media != "multipart/form-data" {
		if raw, ok := bytes.CutPrefix(body, []byte("json=")); ok {
			if s, err := url.QueryUnescape(string(raw)); err == nil && strings.HasPrefix(s, "{") {
				return []byte(s), nil, nil
			}
			return raw, nil, nil
		}
		return body, nil, nil
	}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return text, picture, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("the form cannot be read")
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, fmt.Errorf("the form breaks off")
		}
		switch part.FormName() {
		case "json":
			text = value
		case "upload":
			picture = value
		}
	}
}
