from tests.scenario.driver import Stage, words, buttons


def test_x(stage: Stage) -> None:
    d = stage.alice.type("/docker_image_create name=example_name dependencies=mechanize packages=wget")
    d.until("review")
    d.click("create")
    d.until("done")
    d.until_announced()
    print(stage.alice.screen()); print(buttons(d.now), d.states, stage.tags(), stage.nameless(), stage.stages())
    for s in d.shown: print("=====", words(s))
    print(d.until_file("build-%s.log" % d.id))
