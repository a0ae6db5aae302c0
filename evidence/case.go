package evidence

import (
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// caseFile describes the clip and its custody in CASE/UCO 1.4.0 JSON-LD
// (https://caseontology.org), so that forensic tools can read it in: the clip as
// an observable file with its hashes, each act done to it as an investigative
// action in order, and the provenance record that ties them to the case.
//
// It is made from item.json and custody.json alone; ids are UUIDs of the item
// and the thing's name in it (RFC 9562, version 5).
func caseFile(item itemFile, events []Event) []byte {
	type node = map[string]any
	id := func(kind, name string) string {
		return "kb:" + kind + "-" + uuid.NewSHA1(uuid.NameSpaceURL, []byte("porchlight:"+item.ID+"/"+kind+"/"+name)).String()
	}
	ref := func(id string) node { return node{"@id": id} }
	typed := func(kind, value string) node { return node{"@type": kind, "@value": value} }

	clip := id("file", pathClip)
	graph := []node{{
		"@id": clip, "@type": []string{"uco-observable:File", "uco-observable:ObservableObject"},
		"uco-core:name": "Clip as its owner's device encrypted it",
		"uco-core:hasFacet": []node{{
			"@id": id("file-facet", ""), "@type": "uco-observable:FileFacet",
			"uco-observable:fileName":    path.Base(pathClip),
			"uco-observable:isDirectory": false,
		}, {
			"@id": id("content-data-facet", ""), "@type": "uco-observable:ContentDataFacet",
			"uco-observable:isEncrypted":      true,
			"uco-observable:encryptionMethod": "age-encryption.org/v1",
			"uco-observable:hash": []node{{
				"@id": id("hash", "sha256"), "@type": "uco-types:Hash",
				"uco-types:hashMethod": typed("uco-vocabulary:HashNameVocab", "SHA256"),
				"uco-types:hashValue":  typed("xsd:hexBinary", item.CiphertextSHA256),
			}},
		}},
	}}

	// Who acted: agencies as organizations, persons and roles without one as identities.
	known := map[string]bool{}
	actor := func(e Event) string {
		name, kind := e.Role, "uco-identity:Identity"
		switch {
		case e.Person != "":
			name, kind = e.Person, "uco-identity:Person"
		case e.Agency != "":
			name, kind = e.Agency, "uco-identity:Organization"
		}
		who := id("identity", name)
		if !known[who] {
			known[who] = true
			label := name
			if n := item.Names[name]; n != "" {
				label = n
			}
			graph = append(graph, node{"@id": who, "@type": kind, "uco-core:name": label})
		}
		return who
	}

	objects := []node{ref(clip)}
	var last string
	for _, e := range events {
		if e.Outcome != "done" {
			continue // refused or void: nothing was done to the clip
		}
		action := id("action", strconv.FormatUint(e.Entry, 10))
		n := node{
			"@id": action, "@type": "case-investigation:InvestigativeAction",
			"uco-core:name":        e.Action,
			"uco-core:description": fmt.Sprintf("Ledger entry %d, role %s; receipt in %s", e.Entry, e.Role, e.Receipt),
			"uco-action:startTime": typed("xsd:dateTime", e.At),
			"uco-action:endTime":   typed("xsd:dateTime", e.At),
			"uco-action:performer": ref(actor(e)),
			"uco-action:object":    []node{ref(clip)},
		}
		if last != "" {
			n["case-investigation:wasInformedBy"] = ref(last)
		}
		last = action
		graph = append(graph, n)
		objects = append(objects, ref(action))
	}
	record := id("provenance-record", "")
	graph = append(graph, node{
		"@id": record, "@type": "case-investigation:ProvenanceRecord",
		"uco-core:description":             "Shared by a resident in answer to community request " + item.Request,
		"case-investigation:exhibitNumber": item.ID,
		"uco-core:object":                  []node{ref(clip)},
	})
	about := "Community request " + item.Request
	if item.Case != "" {
		about = item.Case
	}
	graph = append(graph, node{
		"@id": id("investigation", ""), "@type": "case-investigation:Investigation",
		"uco-core:name":   about,
		"uco-core:object": slices.Concat(objects, []node{ref(record)}),
	})
	return encodeJSON(node{
		"@context": map[string]string{
			"kb":                 "urn:porchlight:",
			"case-investigation": "https://ontology.caseontology.org/case/investigation/",
			"uco-action":         "https://ontology.unifiedcyberontology.org/uco/action/",
			"uco-core":           "https://ontology.unifiedcyberontology.org/uco/core/",
			"uco-identity":       "https://ontology.unifiedcyberontology.org/uco/identity/",
			"uco-observable":     "https://ontology.unifiedcyberontology.org/uco/observable/",
			"uco-types":          "https://ontology.unifiedcyberontology.org/uco/types/",
			"uco-vocabulary":     "https://ontology.unifiedcyberontology.org/uco/vocabulary/",
			"xsd":                "http://www.w3.org/2001/XMLSchema#",
		},
		"@graph": graph,
	})
}
