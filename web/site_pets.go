package web

import (
	"net/http"

	"porchlight/geo"
	"porchlight/pets"
	"porchlight/web/basemap"
	"porchlight/web/i18n"
	"porchlight/web/pages"
)

// lostPets lists the lost animals: no account, no JavaScript.
func (t *site) lostPets(r *http.Request) (pages.View, error) {
	ps, err := t.Pets.Open(r.Context())
	if err != nil {
		return nil, err
	}
	var v pages.Pets
	for _, p := range ps {
		v.Posts = append(v.Posts, petPage(p))
	}
	return v, nil
}

// lostPet is one of them, with about where it was seen.
func (t *site) lostPet(r *http.Request) (pages.View, error) {
	p, err := t.Pets.Published(r.Context(), r.PathValue("post"))
	if err != nil {
		return nil, neighborProblem(err)
	}
	v := petPage(p)
	lon, lat := p.Place.Degrees()
	half := 0.0005 // of the grid that the place is rounded to
	if p.Rounding == geo.Half {
		half = 0.0025
	}
	around := []basemap.LonLat{{lon - half, lat - half}, {lon + half, lat - half}, {lon + half, lat + half}, {lon - half, lat + half}, {lon - half, lat - half}}
	title := i18n.FromRequest(r).T("pets.map-sighting")
	v.Map = t.picture(title, []basemap.Overlay{{Ring: around, Class: "area", Title: title}}, 640, 420)
	return v, nil
}

func petPage(p pets.Post) pages.Pet {
	w := petView(p, false)
	return pages.Pet{ID: w.ID, Animal: w.Animal, Words: w.Words, Colours: w.Colours, Photos: w.Photos, Seen: w.Seen, Ends: w.Ends, Homes: w.Homes, Entry: p.Published}
}
