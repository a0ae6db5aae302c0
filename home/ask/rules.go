package ask

import (
	"slices"
	"strings"
	"unicode"

	"porchlight/canvass"
	"porchlight/home"
)

// What a request looks for: by what happened, and by words that people use for it
// in English, Spanish and Dutch. It only orders what the household is offered
// first; all footage of the window stays at hand.

// byIncident is what an incident's footage most likely shows. Who took a parcel
// came on foot or by car; who broke into a car came on foot.
var byIncident = map[canvass.Incident][]home.What{
	"arson":            {home.Motion, home.Person, home.Vehicle},
	"assault":          {home.Person},
	"burglary":         {home.Person, home.Vehicle},
	"fire":             {home.Motion, home.Person, home.Vehicle},
	"fraud":            {home.Person},
	"hate-crime":       {home.Person},
	"hit-and-run":      {home.Vehicle},
	"homicide":         {home.Person, home.Vehicle},
	"kidnapping":       {home.Person, home.Vehicle},
	"missing-person":   {home.Person},
	"package-theft":    {home.Person, home.Vehicle},
	"robbery":          {home.Person, home.Vehicle},
	"sexual-assault":   {home.Person},
	"shooting":         {home.Person, home.Vehicle},
	"theft":            {home.Person, home.Vehicle},
	"traffic-crash":    {home.Vehicle},
	"vandalism":        {home.Person},
	"vehicle-break-in": {home.Person, home.Vehicle},
	"vehicle-theft":    {home.Person, home.Vehicle},
}

// words add to it: "a man in a red coat" of a crash. Without accents, lower case;
// a plural that only adds s, es or n need not be listed.
var words = wordTable(map[home.What]string{
	home.Person: `
		man men woman women boy girl child children person people teen teenager pedestrian suspect runner jogger someone youth
		hombre mujer chico chica nino nina persona peaton sospechoso sospechosa joven adolescente alguien
		vrouw mannen jongen meisje kind kinderen persoon mensen voetganger verdachte iemand jongere`,
	home.Vehicle: `
		car truck van suv pickup sedan vehicle driver plate motorcycle motorbike moped scooter bicycle bike bus trailer cyclist
		coche carro auto automovil camioneta furgoneta camion vehiculo conductor conductora matricula placa moto motocicleta bicicleta bici autobus remolque ciclista
		wagen busje bestelbus bestelwagen vrachtwagen voertuig bestuurder kenteken motorfiets brommer fiets fietser aanhanger`,
	home.Animal: `
		dog cat horse animal
		perro perra gato gata caballo
		hond kat paard dier dieren`,
	home.Motion: `
		smoke flames explosion fireworks
		humo llamas explosion cohete
		rook vlammen explosie vuurwerk`,
})

func wordTable(lists map[home.What]string) map[string]home.What {
	t := map[string]home.What{}
	for what, list := range lists {
		for _, w := range strings.Fields(list) {
			t[w] = what
		}
	}
	return t
}

// Looked is what footage for a request is likely to show, sorted. With Motion in
// it, everything that moves is.
func Looked(c canvass.Content) []home.What {
	out := slices.Clone(byIncident[c.Incident])
	for _, w := range strings.FieldsFunc(plain(c.Narrative), func(r rune) bool { return !unicode.IsLetter(r) }) {
		what, ok := words[w]
		for _, end := range []string{"s", "es", "n"} {
			if cut, had := strings.CutSuffix(w, end); !ok && had {
				what, ok = words[cut]
			}
		}
		if ok {
			out = append(out, what)
		}
	}
	if len(out) == 0 {
		out = []home.What{home.Motion}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// plain is a text in lower case without the accents of Spanish and Dutch.
func plain(s string) string {
	return strings.NewReplacer("á", "a", "é", "e", "í", "i", "ó", "o", "ú", "u", "ü", "u", "ñ", "n", "ë", "e", "ï", "i", "ö", "o").Replace(strings.ToLower(s))
}

// worth reports whether a moment shows something that is looked for.
func worth(m *home.Moment, looked []home.What) bool {
	return slices.Contains(looked, home.Motion) || slices.ContainsFunc(m.What, func(w home.What) bool { return slices.Contains(looked, w) })
}
