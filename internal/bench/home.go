package main

import "context"

// house measures porchlight home: each part in a file of its own.
func house(ctx context.Context, f figures) error {
	for _, part := range []func(context.Context, figures) error{matching, recording, blurring} {
		if err := part(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
