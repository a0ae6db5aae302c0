package web

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
