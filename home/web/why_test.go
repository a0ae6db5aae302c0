package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"porchlight/home/cameras"
)

// What is wrong with a camera is said in each language.
func TestWhys(t *testing.T) {
	for _, lang := range []string{"en", "es", "nl"} {
		b, err := os.ReadFile("../../web/messages/home/" + lang + ".json")
		words := map[string]string{}
		if err = errors.Join(err, json.Unmarshal(b, &words)); err != nil {
			t.Fatal(err)
		}
		for _, w := range whys {
			if words["home.why-"+w.why] == "" {
				t.Errorf("%s has no words for %q", lang, w.why)
			}
		}
	}
	if why := whyOf(fmt.Errorf("%w (it is mjpeg)", cameras.ErrCodec).Error()); why != "codec" {
		t.Errorf("a wrapped trouble is %q", why)
	}
	if why := whyOf("something new"); why != "" {
		t.Errorf("something new is %q", why)
	}
}
