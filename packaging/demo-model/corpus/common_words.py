"""Ordinary words that say nothing about what is asked. Strewn into questions, they teach the model to look past them."""

COMMON = """really quite rather very often sometimes soon later early yesterday tomorrow tonight Monday weekend morning evening June winter minute hour week year moment while since until again once twice already
still yet almost nearly hardly mostly perhaps surely certainly probably honestly frankly anyway besides instead together alone inside outside upstairs downstairs nearby abroad away back forward
nice lovely odd strange funny weird great small tiny huge tall short young old new fresh early late warm cold soft loud silent sharp clean dirty heavy light empty full ready busy tired curious
happy sad brave clever gentle rough smooth simple plain pretty ugly cheap decent proper serious real fake certain various several other same different next last first second third half whole
man woman boy girl child baby toddler teenager uncle aunt cousin nephew grandmother grandfather neighbour flatmate landlord guest visitor colleague boss teacher pupil student nurse driver baker
kitchen bedroom bathroom garden cellar attic office school street village town city country forest beach station shop market library museum church hotel bridge tower castle farm field hill
table chair lamp window door wall floor roof box bag bottle cup plate knife spoon book paper pen letter card photo picture clock watch phone radio screen button knob key lock rope ladder
bread cheese apple soup cake tea coffee sugar salt milk butter rice potato lemon honey dinner lunch breakfast party wedding birthday holiday trip journey game song dance film concert story
walk run jump sit stand lie sleep wake eat drink cook wash clean buy sell pay lend borrow carry pull push lift drop throw catch hold keep leave enter cross climb fall break mend fix build
speak talk say ask listen hear look watch see read draw paint sing laugh smile cry shout whisper think believe guess hope wish fear love hate like prefer learn forget remember decide agree
happen appear seem become remain belong depend matter fit suit cope manage handle try fail begin finish continue pause wait hurry arrive return follow lead bring send receive offer accept refuse
Bob Mary Tom Lisa Anna Peter Jack Emma Oscar Nora Felix Ruth George Alice Henry Clara brilliant perfect terrible awful splendid marvellous dull boring fancy crazy lucky weak strong slow fast
thing stuff matter issue problem idea plan reason way kind sort part piece place point side end top bottom middle corner line page word sentence name number date time day night life world""".split()
