// Package messages embeds the words people read: one flat JSON catalogue a
// language, shared by the server's pages and the app. Placeholders are {name};
// plural forms are the keys x.one and x.other. Those of porchlight home are in
// the folder home; their keys begin with "home.".
package messages

import "embed"

//go:embed *.json home/*.json
var FS embed.FS
