package policy

import "slices"

// promise is one invariant of the design, stated in Go and independent of Cedar:
// no question for which broken is true may be permitted, whatever packs apply.
type promise struct {
	name   string
	broken func(q Question) bool
}

// fact reads a fact of the enumeration; the enumeration gives all of them.
func fact[T any](q Question, name string) T { return q.Facts[name].(T) }

func purposes(q Question, any ...string) bool {
	return slices.ContainsFunc(fact[[]string](q, "purposes"), func(p string) bool { return slices.Contains(any, p) })
}

func is(s string, any ...string) bool { return slices.Contains(any, s) }

func onItem(q Question) bool { return len(q.Action) > 5 && q.Action[:5] == "item." }

// promises are checked for every question of the enumeration that is permitted.
var promises = []promise{
	{"11: an enrolled person's act is signed", func(q Question) bool {
		switch q.Actor.Role {
		case "resident", "system":
			return false
		case "operator": // the command line of the machine
			if is(q.Action, "exchange.create", "app.publish", "backup.make", "pack.change") {
				return false
			}
			if q.Action == "setting.change" && fact[string](q, "owner") == "exchange" {
				return false // settings of the exchange are in a file on the machine
			}
			if q.Action == "person.invite" && fact[bool](q, "first") && fact[string](q, "role") == "operator" {
				return false
			}
		}
		return !q.Actor.Signed && !is(q.Action, "agency.enrol", "person.enrol")
	}},
	{"5: a suspended agency can do nothing", func(q Question) bool { return q.Actor.AgencyStatus == "suspended" }},
	{"5: an agency not yet verified can only join", func(q Question) bool {
		return q.Actor.AgencyStatus == "invited" &&
			!is(q.Action, "agency.enrol", "person.enrol", "person.invite", "vault.publish", "vault.grant")
	}},
	{"5: federal agencies and companies neither ask nor handle evidence", func(q Question) bool {
		return is(q.Actor.AgencyKind, "federal", "private") &&
			(onItem(q) || is(q.Action, "request.post", "request.moderate", "request.close"))
	}},
	{"5: only a requester of an agency asks", func(q Question) bool {
		return q.Action == "request.post" && q.Actor.Role != "requester"
	}},
	{"5: a request keeps the limits of area, time and number", func(q Question) bool {
		if q.Action != "request.post" {
			return false
		}
		const squareMile = 2_589_988.110336 // square metres in a square mile
		area := float64(fact[int64](q, "area_m2"))
		window, expiry := fact[int64](q, "window_minutes"), fact[int64](q, "expiry_hours")
		return area < 0.025*squareMile || area > 0.5*squareMile || window < 15 || window > 12*60 ||
			expiry < 1 || expiry > 14*24 || fact[int64](q, "posts_for_case") > 1 ||
			!fact[bool](q, "window_ended") || !fact[bool](q, "has_case") || !fact[bool](q, "has_contact")
	}},
	{"5: a request stays inside the jurisdiction", func(q Question) bool {
		return q.Action == "request.post" && !fact[bool](q, "inside_jurisdiction")
	}},
	{"6: nobody asks about a protest or for immigration enforcement", func(q Question) bool {
		return q.Action == "request.post" && purposes(q, "immigration", "protected-activity")
	}},
	{"a second person moderates, and only what waits for it", func(q Question) bool {
		return q.Action == "request.moderate" && (q.Actor.Role != "moderator" || fact[bool](q, "same_person") ||
			fact[string](q, "state") != "pending" || fact[string](q, "verdict") == "approve" && !fact[bool](q, "asker_active"))
	}},
	{"a request is closed by its own agency, or by time", func(q Question) bool {
		return q.Action == "request.close" && (!is(fact[string](q, "state"), "open", "pending") ||
			!fact[bool](q, "own_agency") && !(q.Actor.Role == "system" && fact[bool](q, "expired")))
	}},
	{"3: a clip is taken only for an open request, to the published key, with its consent", func(q Question) bool {
		return q.Action == "submission.share" && !(q.Actor.Role == "resident" && fact[bool](q, "request_open") &&
			fact[bool](q, "asker_active") && fact[bool](q, "key_matches_ledger") && fact[bool](q, "consent_complete"))
	}},
	{"8: only who holds her link acts for an owner", func(q Question) bool {
		return is(q.Action, "submission.withdraw", "submission.relink") &&
			(q.Actor.Role != "resident" || !fact[bool](q, "holds_capability"))
	}},
	{"8: only the owner and the agency that asked write to each other", func(q Question) bool {
		return q.Action == "message.send" && !(q.Actor.Role == "resident" && fact[bool](q, "holds_capability")) &&
			!(is(q.Actor.Role, "requester", "investigator", "custodian") && fact[bool](q, "own_agency"))
	}},
	{"9: what is destroyed or taken back cannot be withdrawn again", func(q Question) bool {
		return q.Action == "submission.withdraw" && !is(fact[string](q, "state"), "pending", "accepted")
	}},
	{"3: the operator, moderators, auditors, administrators and residents handle no evidence", func(q Question) bool {
		return onItem(q) && !is(q.Actor.Role, "investigator", "custodian") &&
			!(q.Actor.Role == "system" && q.Action == "item.destroy")
	}},
	{"8: an agency reaches only what was given to it", func(q Question) bool {
		return onItem(q) && q.Actor.Role != "system" && fact[string](q, "custody") == "none"
	}},
	{"only its custodian agency accepts, holds, releases, unshares or destroys", func(q Question) bool {
		return is(q.Action, "item.triage", "item.hold", "item.release", "item.unshare", "item.destroy") &&
			q.Actor.Role != "system" && fact[string](q, "custody") != "own"
	}},
	{"only custodians accept, hold, release, export or destroy", func(q Question) bool {
		return is(q.Action, "item.triage", "item.hold", "item.release", "item.export", "item.destroy") &&
			!is(q.Actor.Role, "custodian", "system")
	}},
	{"10: what is declined, withdrawn, expired or destroyed is out of reach", func(q Question) bool {
		return is(q.Action, "item.triage", "item.view", "item.note", "item.share", "item.hold", "item.export") &&
			!is(fact[string](q, "state"), "pending", "accepted", "withdrawal-requested")
	}},
	{"9: nothing is handed on before it is accepted or while its owner asks for it back", func(q Question) bool {
		return is(q.Action, "item.share", "item.export") && fact[string](q, "state") != "accepted"
	}},
	{"9: a partner sees nothing that is not accepted", func(q Question) bool {
		return is(q.Action, "item.view", "item.note") && fact[string](q, "custody") == "shared" &&
			!is(fact[string](q, "state"), "accepted", "withdrawal-requested")
	}},
	{"9: triage happens once", func(q Question) bool {
		return q.Action == "item.triage" && fact[string](q, "state") != "pending"
	}},
	{"7: a shared clip is used for what it was shared for", func(q Question) bool {
		return is(q.Action, "item.view", "item.export") && fact[string](q, "custody") == "shared" && !fact[bool](q, "purpose_matches")
	}},
	{"7: 'do not pass on' is honoured", func(q Question) bool {
		return is(q.Action, "item.share", "item.export") && fact[string](q, "custody") == "shared" && fact[bool](q, "no_reshare")
	}},
	{"7: a clip is shared only with an active local agency, on complete conditions, for at most a year", func(q Question) bool {
		return q.Action == "item.share" && (!is(fact[string](q, "receiver_kind"), "municipal", "county", "state", "campus", "tribal", "fire") ||
			fact[string](q, "receiver_status") != "active" || !fact[bool](q, "conditions_complete") ||
			fact[int64](q, "share_days") < 1 || fact[int64](q, "share_days") > 365)
	}},
	{"6: nothing is handed on for a banned or private purpose, or for none that can be understood", func(q Question) bool {
		return is(q.Action, "item.share", "item.export") &&
			(len(fact[[]string](q, "purposes")) == 0 || purposes(q, "immigration", "protected-activity", "personal",
				"vague", "case-number", "unreadable", "unstated"))
	}},
	{"9: a hold states its ground", func(q Question) bool {
		return q.Action == "item.hold" && (!fact[bool](q, "ground_given") || fact[string](q, "state") == "pending")
	}},
	{"only a hold that stands is lifted", func(q Question) bool {
		return q.Action == "item.release" && !fact[bool](q, "on_hold")
	}},
	{"nothing is destroyed under a hold", func(q Question) bool {
		return q.Action == "item.destroy" && fact[bool](q, "on_hold")
	}},
	{"nothing is destroyed without its cause", func(q Question) bool {
		if q.Action != "item.destroy" {
			return false
		}
		state := fact[string](q, "state")
		switch fact[string](q, "reason") {
		case "declined":
			return !(state == "declined" || state == "pending" && q.Actor.Role == "custodian")
		case "withdrawn":
			return !fact[bool](q, "owner_withdrew") || is(state, "declined", "expired", "destroyed") ||
				q.Actor.Role == "system" && is(state, "accepted", "withdrawal-requested") ||
				q.Actor.Role == "custodian" && state == "pending"
		default:
			return !fact[bool](q, "retention_over") || is(state, "declined", "withdrawn", "destroyed") || q.Actor.Role == "custodian"
		}
	}},
	{"7: an agency's settings are its administrator's, the exchange's are the operator's", func(q Question) bool {
		if q.Action != "setting.change" {
			return false
		}
		if fact[string](q, "owner") == "agency" {
			return q.Actor.Role != "admin" || !fact[bool](q, "own_agency")
		}
		return q.Actor.Role != "operator"
	}},
	{"private parts are read by auditors and the own administrator, with a reason", func(q Question) bool {
		return q.Action == "private.read" && (!fact[bool](q, "reason_given") ||
			q.Actor.Role != "auditor" && !(q.Actor.Role == "admin" && fact[bool](q, "own_agency")))
	}},
	{"auditors alone suspend and restore, with a reason", func(q Question) bool {
		return is(q.Action, "agency.suspend", "agency.restore") && (q.Actor.Role != "auditor" || !fact[bool](q, "reason_given"))
	}},
	{"the operator alone invites agencies; an invited agency enrols through its administrator", func(q Question) bool {
		return q.Action == "agency.invite" && q.Actor.Role != "operator" ||
			q.Action == "agency.enrol" && (q.Actor.Role != "admin" || q.Actor.AgencyStatus != "invited" || !fact[bool](q, "invite_valid"))
	}},
	{"11: people are invited and removed by their own administrator, exchange roles by the operator", func(q Question) bool {
		if !is(q.Action, "person.invite", "person.remove") {
			return false
		}
		role := fact[string](q, "role")
		switch q.Actor.Role {
		case "admin":
			return !fact[bool](q, "own_agency") || !is(role, "requester", "investigator", "custodian", "admin")
		case "operator":
			firstAdmin := q.Action == "person.invite" && role == "admin" && fact[bool](q, "first")
			return !firstAdmin && !is(role, "moderator", "auditor", "operator")
		default:
			return true
		}
	}},
	{"11: nobody enrols without an invitation or with a passkey that can be copied", func(q Question) bool {
		return q.Action == "person.enrol" && (!fact[bool](q, "invite_valid") || !fact[bool](q, "device_bound") ||
			is(q.Actor.Role, "resident", "system"))
	}},
	{"3: an agency's key stays with its own custodians and administrators", func(q Question) bool {
		if !is(q.Action, "vault.publish", "vault.grant") {
			return false
		}
		return !is(q.Actor.Role, "custodian", "admin") || !fact[bool](q, "own_agency") ||
			q.Action == "vault.grant" && !fact[bool](q, "receiver_custodian") &&
				!(fact[string](q, "vault") == "plates" && fact[bool](q, "receiver_investigator"))
	}},
	{"3: a plate's picture is opened by an investigator or custodian whom something led there", func(q Question) bool {
		return is(q.Action, "image.view", "image.ask") && !(is(q.Actor.Role, "investigator", "custodian") && fact[bool](q, "led"))
	}},
	{"7: by its owner, or whom its owner handed it to for a while because she asked", func(q Question) bool {
		return q.Action == "image.view" && fact[string](q, "custody") == "none" ||
			q.Action == "image.share" && (!is(q.Actor.Role, "investigator", "custodian") || fact[string](q, "custody") != "own" ||
				!fact[bool](q, "asked") || fact[string](q, "receiver_status") != "active" ||
				fact[int64](q, "share_days") < 1 || fact[int64](q, "share_days") > 30)
	}},
	{"10: only the program purges pictures", func(q Question) bool {
		return q.Action == "image.purge" && q.Actor.Role != "system"
	}},
	{"7: an agency's plate cameras are its administrator's", func(q Question) bool {
		return is(q.Action, "camera.add", "camera.change", "camera.remove") && (q.Actor.Role != "admin" || !fact[bool](q, "own_agency"))
	}},
	{"7: who may search an agency's reads is its administrator's word", func(q Question) bool {
		return q.Action == "sharing.change" && (q.Actor.Role != "admin" || !fact[bool](q, "own_agency"))
	}},
	{"auditors alone bar an agency from a state's reads and readmit it, with a reason", func(q Question) bool {
		return is(q.Action, "agency.restrict", "agency.readmit") && (q.Actor.Role != "auditor" || !fact[bool](q, "reason_given"))
	}},
	{"12: a peer proves its key before it is one", func(q Question) bool {
		return is(q.Action, "peer.add", "peer.remove") && (q.Actor.Role != "operator" || q.Action == "peer.add" && !fact[bool](q, "introduced"))
	}},
	{"11: an investigator runs, approves, saves and keeps searches", func(q Question) bool {
		return is(q.Action, "search.propose", "search.approve", "search.run", "search.export", "read.hold") && q.Actor.Role != "investigator" ||
			q.Action == "search.answer" && q.Actor.Role != "system"
	}},
	{"no private body searches, and none is answered", func(q Question) bool {
		return is(q.Action, "search.propose", "search.approve", "search.run", "search.export", "read.hold") && q.Actor.AgencyKind == "private" ||
			q.Action == "search.answer" && fact[bool](q, "private")
	}},
	{"6: a search names a case, and whom it is for", func(q Question) bool {
		return is(q.Action, "search.propose", "search.run", "search.answer") && !fact[bool](q, "has_case") ||
			q.Action == "search.run" && fact[bool](q, "behalf_unnamed")
	}},
	{"6: nobody is searched for over private affairs or protected activity", func(q Question) bool {
		return is(q.Action, "search.run", "search.answer") && purposes(q, "personal", "protected-activity")
	}},
	{"a wide, far, repeated or unclear search, an area and a convoy have a second officer", func(q Question) bool {
		return q.Action == "search.run" && !fact[bool](q, "approved") && (fact[string](q, "kind") != "plate" ||
			fact[int64](q, "networks") > 10 || fact[int64](q, "look_back_days") > 30 || fact[int64](q, "repeats") >= 2 || !fact[bool](q, "clear"))
	}},
	{"nobody asks for all cars of a city", func(q Question) bool {
		return q.Action == "search.propose" && fact[string](q, "kind") == "area" && (fact[int64](q, "area_km2") > 10 || fact[int64](q, "window_hours") > 24)
	}},
	{"the second officer is somebody else of the same agency, and approves once", func(q Question) bool {
		return q.Action == "search.approve" && (fact[bool](q, "same_person") || !fact[bool](q, "same_agency") || !fact[bool](q, "open"))
	}},
	{"7: reads answer only whom their owner lets in, federal agencies only by name, nobody barred or inactive", func(q Question) bool {
		return q.Action == "search.answer" && (!fact[bool](q, "shared") || fact[bool](q, "restricted") || !fact[bool](q, "asker_active") ||
			fact[bool](q, "federal") && !fact[bool](q, "named"))
	}},
	{"10: what a search found is saved and kept by who ran it, for a case, for a time", func(q Question) bool {
		return is(q.Action, "search.export", "read.hold") && !fact[bool](q, "own") ||
			q.Action == "read.hold" && (!fact[bool](q, "has_case") || fact[int64](q, "days") < 1 || fact[int64](q, "days") > 365)
	}},
	{"10: held reads are let go by their agency or by time, others by retention alone", func(q Question) bool {
		return q.Action == "read.release" && !(q.Actor.Role == "investigator" && fact[bool](q, "own_agency")) && !(q.Actor.Role == "system" && fact[bool](q, "over")) ||
			q.Action == "reads.purge" && (q.Actor.Role != "system" || !fact[bool](q, "due"))
	}},
	{"11: officers of local agencies keep lists and work hits, the program alone raises them", func(q Question) bool {
		return is(q.Action, "hotlist.create", "hotlist.import", "hotlist.add", "hotlist.remove", "hotlist.countersign", "hit.resolve", "hit.act") &&
			(!is(q.Actor.Role, "investigator", "admin") || is(q.Actor.AgencyKind, "federal", "private")) ||
			is(q.Action, "hotlist.countersign", "hit.resolve", "hit.act") && q.Actor.Role != "investigator" ||
			q.Action == "hit.raise" && q.Actor.Role != "system"
	}},
	{"6: no plate is watched over private affairs or protected activity, without a ground, or for ever", func(q Question) bool {
		return is(q.Action, "hotlist.import", "hotlist.add", "hotlist.countersign", "hit.raise") && purposes(q, "personal", "protected-activity") ||
			is(q.Action, "hotlist.import", "hotlist.add") && (!fact[bool](q, "own_agency") || !fact[bool](q, "grounds") ||
				fact[int64](q, "expiry_days") < 1 || fact[int64](q, "expiry_days") > 366 || fact[bool](q, "short") && fact[int64](q, "expiry_days") > 30)
	}},
	{"from the third plate without a case a second officer stands for it, who is somebody else", func(q Question) bool {
		return q.Action == "hotlist.add" && !fact[bool](q, "has_case") && fact[int64](q, "uncased") >= 2 && !fact[bool](q, "waits") ||
			q.Action == "hotlist.countersign" && (fact[bool](q, "same_person") || !fact[bool](q, "reachable"))
	}},
	{"7: a hit alerts active local agencies whom the camera's owner lets in, while the plate is wanted", func(q Question) bool {
		return q.Action == "hit.raise" && (!fact[bool](q, "own") && !fact[bool](q, "shared") || !fact[bool](q, "in_force") ||
			fact[string](q, "status") != "active" || is(fact[string](q, "kind"), "none", "federal", "private"))
	}},
	{"a hit is confirmed with its picture seen, once, and acted upon only then", func(q Question) bool {
		switch q.Action {
		case "hit.resolve":
			picture := fact[string](q, "picture")
			return !fact[bool](q, "own_agency") || !fact[bool](q, "open") || fact[string](q, "outcome") == "confirmed" &&
				picture != "viewed" && !(picture == "none" && fact[bool](q, "reason_given"))
		case "hit.act":
			return !fact[bool](q, "own_agency") || !fact[bool](q, "confirmed")
		}
		return false
	}},
	{"a correction is answered once, in words, by the agency that was asked", func(q Question) bool {
		return q.Action == "correction.answer" && (!is(q.Actor.Role, "investigator", "admin") || !fact[bool](q, "own_agency") ||
			!fact[bool](q, "open") || !fact[bool](q, "reason_given"))
	}},
	{"the camera register: only who holds her link changes, takes back, writes about or relinks a camera", func(q Question) bool {
		return is(q.Action, "register.change", "register.withdraw", "register.write", "register.relink") && (q.Actor.Role != "resident" || !fact[bool](q, "holds_capability"))
	}},
	{"the camera register: only active local agencies are told, and a contact only under their key", func(q Question) bool {
		return is(q.Action, "register.tell", "register.change") && (fact[string](q, "receiver_status") != "active" ||
			is(fact[string](q, "receiver_kind"), "none", "federal", "private") || !fact[bool](q, "key_matches_ledger"))
	}},
	{"the camera register: an officer looks at a small area of her own, for a case, and never at all of it", func(q Question) bool {
		if q.Action != "register.view" {
			return false
		}
		const squareMile = 2_589_988.110336 // square metres in a square mile
		area := float64(fact[int64](q, "area_m2"))
		return !is(q.Actor.Role, "requester", "investigator", "custodian") || is(q.Actor.AgencyKind, "federal", "private") ||
			area < 0.025*squareMile || area > 0.5*squareMile || !fact[bool](q, "inside_jurisdiction") || !fact[bool](q, "has_case") ||
			fact[int64](q, "looks") >= 20 || purposes(q, "protected-activity", "immigration", "reproductive-care", "personal")
	}},
	{"the camera register: an agency asks owners it was led to, and nobody a third time", func(q Question) bool {
		return q.Action == "register.ask" && (!is(q.Actor.Role, "requester", "investigator", "custodian") || is(q.Actor.AgencyKind, "federal", "private") ||
			!fact[bool](q, "own_agency") || !fact[bool](q, "led") || !fact[bool](q, "has_case") || fact[int64](q, "unanswered") > 1)
	}},
	{"lost pets are among neighbors: no agency posts, sees into, or ends a post", func(q Question) bool {
		switch q.Action {
		case "pet.post", "pet.renew", "pet.relink", "pet.report", "pet.sight", "pet.write":
			return q.Actor.Role != "resident"
		case "pet.moderate", "pet.remove":
			return q.Actor.Role != "moderator"
		case "pet.close":
			return !is(q.Actor.Role, "resident", "system")
		case "pet.run":
			return q.Actor.Role != "system"
		}
		return false
	}},
	{"a post of a lost pet is read by a moderator first, lives 72 hours at most, and is its poster's", func(q Question) bool {
		switch q.Action {
		case "pet.post":
			return fact[int64](q, "hours") < 1 || fact[int64](q, "hours") > 72 || fact[int64](q, "photos") < 1 || fact[int64](q, "photos") > 3
		case "pet.moderate":
			return fact[string](q, "state") != "waiting"
		case "pet.renew":
			return !fact[bool](q, "holds_capability") || fact[string](q, "state") != "open" || fact[int64](q, "hours") < 1 || fact[int64](q, "hours") > 72
		case "pet.close":
			return !is(fact[string](q, "state"), "waiting", "open") ||
				q.Actor.Role == "resident" && !fact[bool](q, "holds_capability") || q.Actor.Role == "system" && !fact[bool](q, "over")
		case "pet.remove":
			return !fact[bool](q, "reason_given")
		case "pet.report", "pet.sight":
			return fact[string](q, "state") != "open"
		case "pet.write", "pet.relink":
			return !fact[bool](q, "holds_capability")
		}
		return false
	}},
	{"1: the exchange is run by its operator and its program", func(q Question) bool {
		return is(q.Action, "exchange.create", "app.publish", "backup.make", "pack.change") && !is(q.Actor.Role, "operator", "system") ||
			q.Action == "pack.change" && !fact[bool](q, "tests_pass") ||
			q.Action == "act.void" && q.Actor.Role != "system"
	}},
}

// assurance is the other kind of invariant: what must be permitted, whatever
// packs apply.
type assurance struct {
	name, action string
	owed         func(q Question) bool
}

var assurances = []assurance{
	{"9: an owner can always take back a clip that is not yet accepted", "submission.withdraw", func(q Question) bool {
		return q.Actor.Role == "resident" && fact[bool](q, "holds_capability") && fact[string](q, "state") == "pending"
	}},
	{"9: and ask for it back afterwards", "submission.withdraw", func(q Question) bool {
		return q.Actor.Role == "resident" && fact[bool](q, "holds_capability") && fact[string](q, "state") == "accepted"
	}},
	{"8: a link that leaked can always be replaced", "submission.relink", func(q Question) bool {
		return q.Actor.Role == "resident" && fact[bool](q, "holds_capability")
	}},
	{"8: and so can that to a camera in the register", "register.relink", func(q Question) bool {
		return q.Actor.Role == "resident" && fact[bool](q, "holds_capability")
	}},
	{"8: and that to a post of a lost pet", "pet.relink", func(q Question) bool {
		return q.Actor.Role == "resident" && fact[bool](q, "holds_capability")
	}},
	{"10: retention runs by itself unless a hold stands", "item.destroy", func(q Question) bool {
		return q.Actor.Role == "system" && !fact[bool](q, "on_hold") && fact[string](q, "reason") == "expired" &&
			fact[bool](q, "retention_over") && is(fact[string](q, "state"), "pending", "accepted", "withdrawal-requested", "expired")
	}},
	{"10: what was declined is destroyed unless a hold stands", "item.destroy", func(q Question) bool {
		return q.Actor.Role == "system" && !fact[bool](q, "on_hold") && fact[string](q, "reason") == "declined" && fact[string](q, "state") == "declined"
	}},
	{"9: what its owner took back before acceptance is destroyed", "item.destroy", func(q Question) bool {
		return q.Actor.Role == "system" && !fact[bool](q, "on_hold") && fact[string](q, "reason") == "withdrawn" &&
			fact[bool](q, "owner_withdrew") && is(fact[string](q, "state"), "pending", "withdrawn")
	}},
	{"7: an agency can always end a share of its own", "item.unshare", func(q Question) bool {
		return q.Actor.Role == "custodian" && q.Actor.Signed && q.Actor.AgencyStatus == "active" &&
			!is(q.Actor.AgencyKind, "federal", "private") && fact[string](q, "custody") == "own"
	}},
	{"10: the retention of reads runs by itself", "reads.purge", func(q Question) bool { return q.Actor.Role == "system" && fact[bool](q, "due") }},
	{"10: and so does the end of a hold on them", "read.release", func(q Question) bool { return q.Actor.Role == "system" && fact[bool](q, "over") }},
	{"who was flagged by mistake can always ask for correction", "correction.open", func(q Question) bool { return q.Actor.Role == "resident" }},
	{"9: an owner can always take her camera out of the register", "register.withdraw", func(q Question) bool {
		return q.Actor.Role == "resident" && fact[bool](q, "holds_capability")
	}},
	{"9: who posted a lost pet can always end the post", "pet.close", func(q Question) bool {
		return q.Actor.Role == "resident" && fact[bool](q, "holds_capability") && is(fact[string](q, "state"), "waiting", "open")
	}},
	{"10: and it ends by itself", "pet.close", func(q Question) bool {
		return q.Actor.Role == "system" && fact[bool](q, "over") && is(fact[string](q, "state"), "waiting", "open")
	}},
	{"1: what did not happen can always be marked so", "act.void", func(q Question) bool { return q.Actor.Role == "system" }},
}
