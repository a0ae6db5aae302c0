package web

// Access is who may call each route, by pattern.
func (s *Server) Access() map[string]string {
	out := map[string]string{}
	for pattern, who := range s.access {
		out[pattern] = string(who)
	}
	return out
}
