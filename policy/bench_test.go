package policy

import (
	"slices"
	"testing"
)

// post is a request that is permitted.
func post() Question {
	return Question{
		Action:        "request.post",
		Actor:         Actor{Role: "requester", Agency: "IL0160000", AgencyKind: "municipal", AgencyStatus: "active", Signed: true},
		Jurisdictions: []string{"IL"},
		Facts: map[string]any{
			"area_m2": int64(500_000), "window_minutes": int64(60), "window_ended": true, "expiry_hours": int64(72),
			"posts_for_case": int64(0), "has_case": true, "has_contact": true, "inside_jurisdiction": true,
			"purposes": []string{"crime"},
		},
	}
}

// BenchmarkDecide measures decisions of the richest act under base and us-il,
// against the same rules for that act as a chain of ifs, which no lawyer could
// read, nobody could replace while running, and which says one reason at a time.
func BenchmarkDecide(b *testing.B) {
	e, q := load(b), post()
	b.Run("cedar", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !e.Decide(q).Permit {
				b.Fatal("denied")
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
	})
	b.Run("ifs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if ifs(q) != "" {
				b.Fatal("denied")
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
	})
}

// ifs decides request.post by hand; it returns the first rule broken.
func ifs(q Question) string {
	area, ok1 := q.Facts["area_m2"].(int64)
	window, ok2 := q.Facts["window_minutes"].(int64)
	expiry, ok3 := q.Facts["expiry_hours"].(int64)
	posts, ok4 := q.Facts["posts_for_case"].(int64)
	ended, ok5 := q.Facts["window_ended"].(bool)
	hasCase, ok6 := q.Facts["has_case"].(bool)
	contact, ok7 := q.Facts["has_contact"].(bool)
	inside, ok8 := q.Facts["inside_jurisdiction"].(bool)
	purposes, ok9 := q.Facts["purposes"].([]string)
	switch {
	case len(q.Facts) != 9 || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 || !ok8 || !ok9:
		return "base.invalid-question"
	case !q.Actor.Signed:
		return "base.signed"
	case q.Actor.AgencyStatus == "suspended":
		return "base.suspended"
	case q.Actor.AgencyStatus == "invited":
		return "base.verified"
	case q.Actor.Role != "requester":
		return "base.default-deny"
	case q.Actor.AgencyKind == "federal" || q.Actor.AgencyKind == "private":
		return "base.request-local"
	case !inside:
		return "base.request-jurisdiction"
	case area < 64750 || area > 1294994:
		return "base.request-area"
	case window < 15 || window > 720:
		return "base.request-window"
	case !ended:
		return "base.request-past"
	case expiry < 1 || expiry > 336:
		return "base.request-expiry"
	case !hasCase || !contact:
		return "base.request-case"
	case posts >= 2:
		return "base.request-twice"
	case slices.Contains(purposes, "protected-activity"):
		return "base.request-protest"
	case slices.Contains(purposes, "immigration"):
		return "base.request-immigration"
	case slices.Contains(q.Jurisdictions, "IL") && slices.Contains(purposes, "reproductive-care"):
		return "us-il.lawful-health-care"
	}
	return ""
}
