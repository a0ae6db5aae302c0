package plates

// knots map how likely the vote finds its best text to how often that is right,
// measured on held-out drawn plates (train/README.md): pairs of before and after,
// rising.
var knots = [][2]float32{{0, 0}, {0.283, 0.224}, {0.469, 0.367}, {0.577, 0.573}, {0.717, 0.731}, {0.917, 0.957}, {0.998, 0.99}, {1, 0.99}}

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
