package web

import "github.com/danielgtaylor/huma/v2"

// Description is the OpenAPI description of a server over these services.
func Description(o Options) (*huma.OpenAPI, error) {
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	return s.api.OpenAPI(), nil
}

// Routes are the patterns of a server over these services, with who may come in.
func Routes(o Options) (map[string]string, error) {
	s, err := New(o)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for pattern, who := range s.access {
		out[pattern] = string(who)
	}
	return out, nil
}
