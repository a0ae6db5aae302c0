// Command cmd writes a synthetic search log to standard output:
//
//	go run ./internal/loggen/cmd -variant network13 -rows 17000000 -seed 1 > build/network13.csv
//	go run ./internal/loggen/cmd -list
package main

import (
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"porchlight/internal/loggen"
)

func main() {
	log.SetFlags(0)
	var (
		variant  = flag.String("variant", "network13", "layout of the log")
		rows     = flag.Int("rows", 10000, "searches to write")
		seed     = flag.Uint64("seed", 1, "the same seed makes the same file")
		start    = flag.String("start", "2025-03-01", "day of the first search")
		days     = flag.Int("days", 0, "days to spread them over; 0: 30, or 365 from a million rows on")
		agencies = flag.Int("agencies", 40, "agencies that search")
		quirks   = flag.String("quirks", "", "quirks, with commas between")
		plants   = flag.Bool("plants", false, "hide patterns that an audit should find")
		format   = flag.String("format", "csv", "csv, tsv, xlsx, csv.zip or xlsx.zip")
		encoding = flag.String("encoding", "utf-8", "utf-8, utf-16le or windows-1252")
		list     = flag.Bool("list", false, "name variants, quirks and plants")
	)
	flag.Parse()
	if *list {
		fmt.Println("variants:", strings.Join(slices.Sorted(maps.Keys(loggen.Variants)), " "))
		fmt.Println("quirks:  ", loggen.Quirks)
		for _, p := range slices.Sorted(maps.Keys(loggen.Plants)) {
			fmt.Printf("plant %s: %s\n", p, loggen.Plants[p])
		}
		return
	}
	at, err := time.Parse(time.DateOnly, *start)
	if err != nil {
		log.Fatal("loggen: -start is a day such as 2025-03-01: ", err)
	}
	o := loggen.Options{Variant: *variant, Rows: *rows, Start: at, Span: time.Duration(*days) * 24 * time.Hour,
		Agencies: *agencies, Plants: *plants, Encoding: *encoding, Format: loggen.NumFormats}
	for f := range loggen.NumFormats {
		if f.String() == *format {
			o.Format = f
		}
	}
	for q := range strings.SplitSeq(*quirks, ",") {
		if q != "" {
			o.Quirks = append(o.Quirks, loggen.Quirk(q))
		}
	}
	g, err := loggen.New(*seed, o)
	if err == nil {
		err = g.Write(os.Stdout, nil)
	}
	if err != nil {
		log.Fatal("loggen: ", err)
	}
}
