package plates

// knots map how likely the vote finds its best text to how often that is right,
// measured on drawn plates and numbers on real designs (train/README.md): pairs of before and after,
// rising.
var knots = [][2]float32{{0, 0}, {0.197, 0.056}, {0.284, 0.174}, {0.369, 0.249}, {0.513, 0.366}, {0.626, 0.391}, {0.732, 0.851}, {0.881, 0.921}, {0.98, 0.974}, {0.999, 0.99}, {1, 0.99}}

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
