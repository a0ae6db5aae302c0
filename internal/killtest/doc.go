// Package killtest kills a real exchange at random instants under load and
// takes the room away under it, and checks that nothing acknowledged is lost
// and that store and ledger agree.
package killtest
