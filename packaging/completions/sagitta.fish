# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sagitta_global_optspecs
    string join \n h/help V/version
end

function __fish_sagitta_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_sagitta_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_sagitta_using_subcommand
    set -l cmd (__fish_sagitta_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c sagitta -n "__fish_sagitta_needs_command" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_needs_command" -s V -l version -d 'Print version'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "run" -d 'Run the service; SIGTERM finishes the film in hand and exits 0'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "measure" -d 'Measure films without a broker'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "evaluate" -d 'Tell how accurate Sagitta is on films whose truth is known: a table, JSON, plots'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "demo" -d 'Run the real service on synthetic patients, with a broker and a page of its own'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "check-config" -d 'Tell every problem of the configuration; touches nothing'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "engines" -d 'Build, list, verify and prune TensorRT engines'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "models" -d 'Install models from a signed bundle, or go back to those before'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "self-test" -d 'Compare what the models say of golden films with what they must say'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "support-bundle" -d 'Write what whoever helps needs to know into one file, without patients\' data'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "phantom" -d 'Write synthetic films with their truth; the same seed gives the same bytes'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "rejects" -d 'Tell how many films are repeated, why and by whom, and whether verdict and radiographer agree'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "outbox" -d 'Show or retry what waits for the broker'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "discovery" -d 'Take the announcement to home automation back'
complete -c sagitta -n "__fish_sagitta_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand run" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand run" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand measure" -l overlay -d 'Draw each film with its landmarks into this folder' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand measure" -l drawings -d 'Draw how each number comes about, one picture a number, into this folder' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand measure" -l spacing-mm -d 'Millimetres a pixel for films that carry none' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand measure" -l config -d 'Take thresholds and models from this configuration' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand measure" -l json -d 'One report a line, as on MQTT, rather than a table'
complete -c sagitta -n "__fish_sagitta_using_subcommand measure" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l out -d 'Write accuracy.txt, accuracy.json and the plots into this folder' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l json -d 'Write everything as JSON to this file' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l plots -d 'Draw the plots (SVG) into this folder' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l phantoms -d 'Make so many phantoms of necks on the fly: half neutral, a quarter in flexion, a quarter in extension' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l others -d 'Make so many phantoms that are no neck' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l faults -d 'Instead: so many phantoms of each single fault and four times as many without one, and what the verdict says of them' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l seed -d 'The seed of the first phantom; each takes the next. Choose one that no training has seen [default: 9500000; with --faults 9700000]' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l difficulty -d 'How far phantoms stray from the textbook' -r -f -a "clean\t''
typical\t''
hard\t''
mixed\t''"
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l pixel-mm -d 'Detector millimetres a pixel of phantoms' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l spacing-mm -d 'Millimetres a pixel for films that carry none and whose truth tells none' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l jobs -d 'Films measured at a time [default: one a processor; one on a GPU]' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l config -d 'Take thresholds and models from this configuration' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -l stages -d 'Tell what each stage of the hierarchy adds: every film goes through each of them'
complete -c sagitta -n "__fish_sagitta_using_subcommand evaluate" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand demo" -l films -d 'How many of the demo\'s films are exposed [default: all]' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand demo" -l http -d 'Where the page is served; port 0 takes a free one' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand demo" -l mqtt -d 'Where the broker takes MQTT over TCP; port 0 takes a free one' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand demo" -l websocket -d 'Where the broker takes MQTT over WebSocket; port 0 takes a free one' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand demo" -l once -d 'End with 0 when a subscriber has received what is due for every film, else with 1'
complete -c sagitta -n "__fish_sagitta_using_subcommand demo" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand check-config" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand check-config" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and not __fish_seen_subcommand_from build list verify prune help" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and not __fish_seen_subcommand_from build list verify prune help" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and not __fish_seen_subcommand_from build list verify prune help" -f -a "build" -d 'Build what is missing or does not fit this machine, and let it through the gate'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and not __fish_seen_subcommand_from build list verify prune help" -f -a "list" -d 'One line for each engine'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and not __fish_seen_subcommand_from build list verify prune help" -f -a "verify" -d 'Compare every engine with its passport, and its passport with models and machine'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and not __fish_seen_subcommand_from build list verify prune help" -f -a "prune" -d 'Remove what no model of the manifest needs on this machine'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and not __fish_seen_subcommand_from build list verify prune help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from build" -l precision -d 'The numbers to compute in [default: engines.precision]' -r -f -a "fp16\t''
fp32\t''
int8\t''"
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from build" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from build" -l rebuild -d 'Build also what is there and sound'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from build" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from list" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from list" -l json -d 'Their passports, as a JSON array'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from verify" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from prune" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from help" -f -a "build" -d 'Build what is missing or does not fit this machine, and let it through the gate'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from help" -f -a "list" -d 'One line for each engine'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Compare every engine with its passport, and its passport with models and machine'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from help" -f -a "prune" -d 'Remove what no model of the manifest needs on this machine'
complete -c sagitta -n "__fish_sagitta_using_subcommand engines; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and not __fish_seen_subcommand_from install list rollback help" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and not __fish_seen_subcommand_from install list rollback help" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and not __fish_seen_subcommand_from install list rollback help" -f -a "install" -d 'Verify a bundle, prove its models on this machine, and switch to them'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and not __fish_seen_subcommand_from install list rollback help" -f -a "list" -d 'Show which sets there are'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and not __fish_seen_subcommand_from install list rollback help" -f -a "rollback" -d 'Go back to the set before'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and not __fish_seen_subcommand_from install list rollback help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from install" -l signature -d 'Its signature [default: the bundle\'s name with .minisig behind it]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from install" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from list" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from rollback" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from rollback" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "install" -d 'Verify a bundle, prove its models on this machine, and switch to them'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "list" -d 'Show which sets there are'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "rollback" -d 'Go back to the set before'
complete -c sagitta -n "__fish_sagitta_using_subcommand models; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand self-test" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml where there is one]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand self-test" -l json -d 'One JSON object rather than a table'
complete -c sagitta -n "__fish_sagitta_using_subcommand self-test" -l write -d 'Store what the models say on the CPU as what they must say from now on, beside their manifest'
complete -c sagitta -n "__fish_sagitta_using_subcommand self-test" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand support-bundle" -l out -d 'The file to write, a .tar.gz [default: support/ below the store, named by the moment; the newest five are kept]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand support-bundle" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand support-bundle" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l count -d 'How many films' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l seed -d 'Everything random follows from it' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l out -d 'The folder to write to; it is made where it is missing' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l views -d 'The positions each patient is taken in' -r -f -a "neutral\t''
flexion\t''
extension\t''"
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l difficulty -d 'How far patients and technique stray from the textbook' -r -f -a "clean\t''
typical\t''
hard\t''
mixed\t''"
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l fault -d 'A fault that every film carries, NAME or NAME=SIZE, as yaw=12 or cut-below=10; a wrong name lists them all' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l format -d 'The file format' -r -f -a "dicom\t''
png\t''
jpeg\t''"
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l pixel-mm -d 'Detector millimetres a pixel' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l others -d 'Instead of necks: chests, hips, slices, pages and what else is no lateral neck, each kind in turn'
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -l truth-only -d 'Only the truth files, for what learns from geometry alone: a thousand times quicker'
complete -c sagitta -n "__fish_sagitta_using_subcommand phantom" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand rejects" -l since -d 'The first day, as 2026-03-01, or the first month, as 2026-03 [default: the ledger\'s first]' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand rejects" -l until -d 'The last day or month, itself included [default: today]' -r
complete -c sagitta -n "__fish_sagitta_using_subcommand rejects" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand rejects" -l csv -d 'Comma-separated values, one line a group, rather than a table'
complete -c sagitta -n "__fish_sagitta_using_subcommand rejects" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and not __fish_seen_subcommand_from list retry help" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and not __fish_seen_subcommand_from list retry help" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and not __fish_seen_subcommand_from list retry help" -f -a "list" -d 'One line for each message that waits, oldest first'
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and not __fish_seen_subcommand_from list retry help" -f -a "retry" -d 'Offer what the broker has refused once more, now'
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and not __fish_seen_subcommand_from list retry help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and __fish_seen_subcommand_from list" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and __fish_seen_subcommand_from retry" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "list" -d 'One line for each message that waits, oldest first'
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Offer what the broker has refused once more, now'
complete -c sagitta -n "__fish_sagitta_using_subcommand outbox; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand discovery; and not __fish_seen_subcommand_from remove help" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand discovery; and not __fish_seen_subcommand_from remove help" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand discovery; and not __fish_seen_subcommand_from remove help" -f -a "remove" -d 'Take the announcement back: the device vanishes from Home Assistant and openHAB'
complete -c sagitta -n "__fish_sagitta_using_subcommand discovery; and not __fish_seen_subcommand_from remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand discovery; and __fish_seen_subcommand_from remove" -l config -d 'The configuration [default: /etc/sagitta/sagitta.toml]' -r -F
complete -c sagitta -n "__fish_sagitta_using_subcommand discovery; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c sagitta -n "__fish_sagitta_using_subcommand discovery; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take the announcement back: the device vanishes from Home Assistant and openHAB'
complete -c sagitta -n "__fish_sagitta_using_subcommand discovery; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "run" -d 'Run the service; SIGTERM finishes the film in hand and exits 0'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "measure" -d 'Measure films without a broker'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "evaluate" -d 'Tell how accurate Sagitta is on films whose truth is known: a table, JSON, plots'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "demo" -d 'Run the real service on synthetic patients, with a broker and a page of its own'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "check-config" -d 'Tell every problem of the configuration; touches nothing'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "engines" -d 'Build, list, verify and prune TensorRT engines'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "models" -d 'Install models from a signed bundle, or go back to those before'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "self-test" -d 'Compare what the models say of golden films with what they must say'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "support-bundle" -d 'Write what whoever helps needs to know into one file, without patients\' data'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "phantom" -d 'Write synthetic films with their truth; the same seed gives the same bytes'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "rejects" -d 'Tell how many films are repeated, why and by whom, and whether verdict and radiographer agree'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "outbox" -d 'Show or retry what waits for the broker'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "discovery" -d 'Take the announcement to home automation back'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and not __fish_seen_subcommand_from run measure evaluate demo check-config engines models self-test support-bundle phantom rejects outbox discovery help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from engines" -f -a "build" -d 'Build what is missing or does not fit this machine, and let it through the gate'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from engines" -f -a "list" -d 'One line for each engine'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from engines" -f -a "verify" -d 'Compare every engine with its passport, and its passport with models and machine'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from engines" -f -a "prune" -d 'Remove what no model of the manifest needs on this machine'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "install" -d 'Verify a bundle, prove its models on this machine, and switch to them'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "list" -d 'Show which sets there are'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from models" -f -a "rollback" -d 'Go back to the set before'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "list" -d 'One line for each message that waits, oldest first'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from outbox" -f -a "retry" -d 'Offer what the broker has refused once more, now'
complete -c sagitta -n "__fish_sagitta_using_subcommand help; and __fish_seen_subcommand_from discovery" -f -a "remove" -d 'Take the announcement back: the device vanishes from Home Assistant and openHAB'
