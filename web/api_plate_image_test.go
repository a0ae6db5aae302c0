package web_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"porchlight/identity"
	"porchlight/internal/testworld"
	"porchlight/plate"
	"porchlight/plate/image"
	"porchlight/roster"
	"porchlight/web"
)

// led says that one search of each agency showed it one read.
type led struct {
	search string
	wanted image.Wanted
}

func (l led) Led(_ context.Context, _ identity.Principal, lead image.Lead, w image.Wanted) (bool, error) {
	return lead.Search == l.search && w == l.wanted, nil
}

// car draws what a plate camera sees.
func car(t *testing.T) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=0x5b6470:s=1280x720", "-frames:v", "1",
		"-vf", strings.Join([]string{
			"drawbox=y=430:w=1280:h=290:color=0x3a3f45:t=fill", "drawbox=x=340:y=220:w=600:h=330:color=0x1d4e89:t=fill",
			"drawbox=x=420:y=250:w=440:h=110:color=0x9fc0dd:t=fill", "drawbox=x=360:y=400:w=90:h=40:color=0xc8102e:t=fill",
			"drawbox=x=830:y=400:w=90:h=40:color=0xc8102e:t=fill", "drawbox=x=510:y=440:w=280:h=80:color=white:t=fill",
			"drawtext=text='PRC 2481':fontsize=52:fontcolor=0x102040:x=528:y=456", "noise=alls=8:allf=u",
		}, ","), "-f", "mjpeg", "-").Output()
	if err != nil {
		t.Fatalf("drawing with ffmpeg: %v", err)
	}
	return out
}

// The vault of plate pictures in real browsers: an administrator makes it and
// extends it to an investigator; the sheriff, whom a search showed a read, asks
// for its picture; the investigator looks, saves it with its mark, and hands it
// on; the sheriff opens it. app/test/pictures.mjs says what they do.
func TestPicturesInTheBrowser(t *testing.T) {
	t.Parallel()
	w := testworld.Start(t, nil)
	ctx := t.Context()
	asker := w.Sheriff.Custodian
	_, err := asker.PublishVault(ctx, roster.ForPlates)
	check(t, err)
	cmd := script(t, "pictures.mjs", w.URL, invited(t, w.Police.Admin, "Ada Example", w.Police.ORI, identity.RoleAdmin),
		invited(t, w.Police.Admin, "Inga Example", w.Police.ORI, identity.RoleInvestigator))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	check(t, err)
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(out)
	// step waits until the browsers have done something.
	step := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			io.Copy(io.Discard, out)
			t.Fatalf("%q instead of %q: %v\n%s", lines.Text(), want, cmd.Wait(), &complaints)
		}
	}
	tell := func(what string) {
		t.Helper()
		_, err := fmt.Fprintln(in, what)
		check(t, err)
	}

	step("vault")
	data := car(t)
	id, err := w.X.Images.Keep(ctx, w.Police.ORI, time.Now(), "image/jpeg", data)
	check(t, err)
	shown := image.Wanted{Picture: id, Read: plate.IDAt(time.Now())}
	w.X.Images.Leads = led{"7", shown}
	lead, of := web.PictureLead{Search: "7"}, web.PictureOf{Picture: shown.Picture, Read: shown.Read}
	_, err = asker.Act(ctx, "/plates/pictures/asks", web.NewPictureAsk{PictureLead: lead, PictureOf: of}, nil)
	check(t, err)
	tell("asked")

	step("handed on")
	var opened web.OpenedPictures
	_, err = asker.Act(ctx, "/plates/pictures/view", web.PicturesView{PictureLead: lead, Pictures: []web.PictureOf{of}}, &opened)
	check(t, err)
	res, err := asker.HTTP.Get(w.URL + "/api/v1/plates/pictures/views/" + opened.Act + "/" + id)
	check(t, err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the payload: %s", res.Status)
	}
	vault, err := asker.Vault(roster.ForPlates)
	check(t, err)
	clear, err := age.Decrypt(io.MultiReader(bytes.NewReader(opened.Pictures[0].Header), res.Body), vault)
	check(t, err)
	picture, err := jpeg.Decode(clear)
	check(t, err)
	if b := picture.Bounds(); b.Dx() != 1280 || b.Dy() != 720 {
		t.Errorf("the sheriff sees %v", b)
	}
	tell("opened")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
}
